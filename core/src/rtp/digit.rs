//! The keys of a telephone.

use core::fmt;

/// A key: `0` to `9`, `*`, `#`, or `A` to `D` (RFC 4733 section 3.2, ITU-T Q.23).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digit(u8);

/// The keys by their event codes.
const KEYS: &[u8; 16] = b"0123456789*#ABCD";

impl Digit {
    /// The key of a telephone-event's code; none from 16 on, which are no keys.
    pub const fn of_code(code: u8) -> Option<Self> {
        if code < 16 { Some(Self(code)) } else { None }
    }

    /// The key that is written so; a letter in either case.
    pub fn of_key(key: u8) -> Option<Self> {
        let code = KEYS.iter().position(|&known| known == key.to_ascii_uppercase())?;
        Self::of_code(u8::try_from(code).ok()?)
    }

    /// Its event code, 0 to 15.
    pub const fn code(self) -> u8 {
        self.0
    }

    /// As it is written: one of `0123456789*#ABCD`.
    pub fn key(self) -> u8 {
        KEYS.get(usize::from(self.0)).copied().unwrap_or(b'?')
    }
}

impl fmt::Display for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        char::from(self.key()).fmt(f)
    }
}

impl fmt::Debug for Digit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Digit {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=char}", char::from(self.key()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_codes() {
        for (code, &key) in (0..).zip(KEYS) {
            let digit = Digit::of_code(code).unwrap();
            assert_eq!((digit.code(), digit.key()), (code, key));
            assert_eq!(Digit::of_key(key), Some(digit));
            assert_eq!(Digit::of_key(key.to_ascii_lowercase()), Some(digit));
        }
        assert_eq!(Digit::of_code(16), None);
        assert_eq!(Digit::of_key(b'E'), None);
        assert_eq!(std::format!("{:?}", Digit(11)), "#");
    }
}

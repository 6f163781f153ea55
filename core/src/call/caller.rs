//! The caller's number, as Zendesk wants it: E.164 with `+`.

use heapless::Vec;

/// Most digits an E.164 number has (ITU-T E.164 section 6.1).
const DIGITS: usize = 15;
/// Fewest digits for which a number without a prefix is taken for an international one.
const INTERNATIONAL: usize = 11;

/// A number in E.164: `+` and at most 15 digits.
pub type Number = Vec<u8, { DIGITS + 1 }>;

/// The number `user` (the user part of a SIP or tel URI) stands for, in a country whose calling code is `country`
/// (digits; empty for none). None for a name, a short code, or somebody anonymous.
///
/// `+…` and `00…` are international; `0…` is national where there is a country. Separators a person writes (`-`,
/// `.`, `(`, `)`, space) are left out, and so is what follows a `;`.
pub fn number(user: &[u8], country: &[u8]) -> Option<Number> {
    let user = user.split(|&byte| byte == b';').next().unwrap_or_default();
    let mut digits: Vec<u8, 24> = Vec::new();
    let mut plus = false;
    for (place, &byte) in user.iter().enumerate() {
        match byte {
            b'+' if place == 0 => plus = true,
            b'0'..=b'9' => digits.push(byte).ok()?,
            b'-' | b'.' | b'(' | b')' | b' ' => {}
            _ => return None,
        }
    }
    let digits = digits.as_slice();
    let mut number = Number::new();
    number.push(b'+').ok()?;
    if plus {
        number.extend_from_slice(digits).ok()?;
    } else if let Some(international) = digits.strip_prefix(b"00") {
        number.extend_from_slice(international).ok()?;
    } else if let (Some(national), false) = (digits.strip_prefix(b"0"), country.is_empty()) {
        number.extend_from_slice(country).ok()?;
        number.extend_from_slice(national).ok()?;
    } else if digits.len() >= INTERNATIONAL && digits.first() != Some(&b'0') {
        number.extend_from_slice(digits).ok()?;
    } else {
        return None;
    }
    // A country code never begins with 0, and a number has more than one.
    (number.len() > 4 && number.get(1) != Some(&b'0')).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn e164(user: &str, country: &str) -> Option<std::string::String> {
        number(user.as_bytes(), country.as_bytes())
            .map(|number| core::str::from_utf8(&number).unwrap().into())
    }

    #[test]
    fn numbers() {
        assert_eq!(e164("+14155550100", "82").as_deref(), Some("+14155550100"));
        assert_eq!(e164("+1 (415) 555-0100", "").as_deref(), Some("+14155550100"));
        assert_eq!(e164("0014155550100", "82").as_deref(), Some("+14155550100"));
        assert_eq!(e164("0225550100", "82").as_deref(), Some("+82225550100"));
        assert_eq!(e164("14155550100", "82").as_deref(), Some("+14155550100"));
        assert_eq!(e164("+14155550100;phone-context=x", "").as_deref(), Some("+14155550100"));
    }

    #[test]
    fn what_is_no_number() {
        for user in [
            "anonymous",
            "",
            "+",
            "201",
            "0225550100",
            "+1415555010012345",
            "+0415555",
            "++1415",
            "1+415",
            "alice",
        ] {
            assert_eq!(e164(user, ""), None, "{user}");
        }
    }
}

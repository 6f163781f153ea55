//! Methods (RFC 3261 section 7.1): case-sensitive tokens.

macro_rules! methods {
    ($($name:ident $text:literal,)+) => {
        /// A request's method. Case matters: `invite` is not INVITE.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method<'a> {
            $(#[doc = concat!($text, ".")] $name,)+
            /// Any other token.
            Other(&'a [u8]),
        }

        impl<'a> Method<'a> {
            /// The method spelt so. No check that it is a token.
            pub fn of(spelling: &'a [u8]) -> Self {
                const { assert!($($text.len() <= 9 &&)+ true) };
                match spelling.len() {
                    $(len if len == $text.len() && spelling == $text.as_bytes() => Self::$name,)+
                    _ => Self::Other(spelling),
                }
            }

            /// As it stands on the wire.
            pub const fn as_bytes(self) -> &'a [u8] {
                match self {
                    $(Self::$name => $text.as_bytes(),)+
                    Self::Other(spelling) => spelling,
                }
            }
        }
    };
}

methods! {
    Invite "INVITE",
    Ack "ACK",
    Bye "BYE",
    Cancel "CANCEL",
    Options "OPTIONS",
    Register "REGISTER",
    Prack "PRACK",
    Update "UPDATE",
    Refer "REFER",
    Notify "NOTIFY",
    Subscribe "SUBSCRIBE",
    Info "INFO",
    Message "MESSAGE",
    Publish "PUBLISH",
}

#[cfg(feature = "defmt")]
impl defmt::Format for Method<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[u8]:a}", self.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelling_and_back() {
        for text in [&b"INVITE"[..], b"ACK", b"BYE", b"CANCEL", b"SUBSCRIBE", b"PUBLISH", b"NEWMETHOD", b""] {
            assert_eq!(Method::of(text).as_bytes(), text);
        }
        assert_eq!(Method::of(b"INVITE"), Method::Invite);
        assert_eq!(Method::of(b"invite"), Method::Other(b"invite"));
        assert_eq!(Method::of(b"RE%47IST%45R"), Method::Other(b"RE%47IST%45R"));
    }
}

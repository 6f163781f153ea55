//! The names of header fields: known ones as an enum, with their compact forms (RFC 3261 section 7.3.3).

macro_rules! names {
    (
        single { $($one:ident $one_text:literal $($one_compact:literal)?,)+ }
        many { $($name:ident $text:literal $($compact:literal)?,)+ }
    ) => {
        /// A header field's name, whatever its case or form on the wire.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[repr(u8)]
        pub enum Name {
            $(#[doc = concat!("`", $one_text, "`, which a message carries once.")] $one,)+
            $(#[doc = concat!("`", $text, "`.")] $name,)+
            /// A name that is not in this list.
            Other,
        }

        impl Name {
            /// Every known name, in the order of its number.
            pub const KNOWN: &'static [Self] = &[$(Self::$one,)+ $(Self::$name,)+];

            /// Its canonical long spelling; `?` for [`Name::Other`].
            pub const fn as_bytes(self) -> &'static [u8] {
                match self {
                    $(Self::$one => $one_text.as_bytes(),)+
                    $(Self::$name => $text.as_bytes(),)+
                    Self::Other => b"?",
                }
            }

            /// The known name a single letter stands for.
            const fn of_compact(letter: u8) -> Self {
                match letter | 0x20 {
                    $($($one_compact => Self::$one,)?)+
                    $($($compact => Self::$name,)?)+
                    _ => Self::Other,
                }
            }

            pub(super) const fn missing(self) -> &'static str {
                match self {
                    $(Self::$one => concat!("Missing ", $one_text),)+
                    $(Self::$name => concat!("Missing ", $text),)+
                    Self::Other => "Missing header field",
                }
            }

            pub(super) const fn malformed(self) -> &'static str {
                match self {
                    $(Self::$one => concat!("Malformed ", $one_text),)+
                    $(Self::$name => concat!("Malformed ", $text),)+
                    Self::Other => "Malformed header field",
                }
            }

            pub(super) const fn conflict(self) -> &'static str {
                match self {
                    $(Self::$one => concat!("Conflicting ", $one_text),)+
                    $(Self::$name => concat!("Conflicting ", $text),)+
                    Self::Other => "Conflicting header fields",
                }
            }
        }
    };
}

names! {
    single {
        From "From" b'f',
        To "To" b't',
        CallId "Call-ID" b'i',
        CSeq "CSeq",
        MaxForwards "Max-Forwards",
        ContentLength "Content-Length" b'l',
        ContentType "Content-Type" b'c',
        ReferTo "Refer-To" b'r',
        ReferredBy "Referred-By" b'b',
        Replaces "Replaces",
        SessionExpires "Session-Expires" b'x',
        MinSe "Min-SE",
        RSeq "RSeq",
        RAck "RAck",
        Event "Event" b'o',
        SubscriptionState "Subscription-State",
    }
    many {
        Via "Via" b'v',
        Contact "Contact" b'm',
        Route "Route",
        RecordRoute "Record-Route",
        Allow "Allow",
        Supported "Supported" b'k',
        Require "Require",
        ProxyRequire "Proxy-Require",
        Unsupported "Unsupported",
        PAssertedIdentity "P-Asserted-Identity",
        PPreferredIdentity "P-Preferred-Identity",
        RemotePartyId "Remote-Party-ID",
        Privacy "Privacy",
        Diversion "Diversion",
        HistoryInfo "History-Info",
        Reason "Reason",
        Warning "Warning",
        RetryAfter "Retry-After",
        Expires "Expires",
        MinExpires "Min-Expires",
        Authorization "Authorization",
        WwwAuthenticate "WWW-Authenticate",
        ProxyAuthorization "Proxy-Authorization",
        ProxyAuthenticate "Proxy-Authenticate",
        AuthenticationInfo "Authentication-Info",
        UserToUser "User-to-User",
        UserAgent "User-Agent",
        Server "Server",
        Subject "Subject" b's',
        Date "Date",
        Timestamp "Timestamp",
        Accept "Accept",
        AcceptEncoding "Accept-Encoding",
        AcceptLanguage "Accept-Language",
        AcceptContact "Accept-Contact" b'a',
        RejectContact "Reject-Contact" b'j',
        RequestDisposition "Request-Disposition" b'd',
        AllowEvents "Allow-Events" b'u',
        ContentEncoding "Content-Encoding" b'e',
        ContentDisposition "Content-Disposition",
        ContentLanguage "Content-Language",
        MimeVersion "MIME-Version",
        Organization "Organization",
        Priority "Priority",
        AlertInfo "Alert-Info",
        CallInfo "Call-Info",
        ErrorInfo "Error-Info",
        InReplyTo "In-Reply-To",
        ReplyTo "Reply-To",
        Path "Path",
        ServiceRoute "Service-Route",
        Join "Join",
        TargetDialog "Target-Dialog",
        ReferSub "Refer-Sub",
        SipETag "SIP-ETag",
        SipIfMatch "SIP-If-Match",
        Identity "Identity" b'y',
        PEarlyMedia "P-Early-Media",
        SessionId "Session-ID",
        ResourcePriority "Resource-Priority",
        MaxBreadth "Max-Breadth",
        InfoPackage "Info-Package",
        RecvInfo "Recv-Info",
    }
}

impl Name {
    /// How many names there are, [`Name::Other`] among them.
    pub(super) const COUNT: usize = Self::Other as usize + 1;

    /// The name spelt so, in any case, long or compact.
    #[inline]
    pub fn of(spelling: &[u8]) -> Self {
        if let &[letter] = spelling {
            return if letter.is_ascii_alphabetic() { Self::of_compact(letter) } else { Self::Other };
        }
        let key = Key::of(spelling);
        let name = TABLE.get(key.hash()).copied().unwrap_or(Self::Other);
        if KEYS.get(name.index()) != Some(&key) {
            return Self::Other;
        }
        if spelling.len() > 16 { name.of_long(spelling) } else { name }
    }

    /// Of the few longer names the key leaves out the middle.
    #[inline(never)]
    fn of_long(self, spelling: &[u8]) -> Self {
        if spelling.eq_ignore_ascii_case(self.as_bytes()) { self } else { Self::Other }
    }

    /// Whether a message may carry it once only, and we rely on its value.
    pub(super) const fn is_single(self) -> bool {
        (self as u8) <= Self::SubscriptionState as u8
    }

    pub(super) const fn index(self) -> usize {
        self as usize
    }
}

/// A spelling's length and its first and last bytes with case folded. Up to 16 bytes these are all there is. The bit
/// that makes letters small turns nothing else into a letter, and nothing but CR, refused elsewhere, into a hyphen.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Key {
    first: u64,
    last: u64,
    len: usize,
}

impl Key {
    const NONE: Self = Self { first: 0, last: 0, len: 0 };

    #[inline]
    const fn of(spelling: &[u8]) -> Self {
        const CASE: u64 = 0x2020_2020_2020_2020;
        let len = spelling.len();
        let (first, last) = if let (Some(first), Some(last)) = (spelling.first_chunk(), spelling.last_chunk())
        {
            (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
        } else if let (Some(first), Some(last)) = (spelling.first_chunk(), spelling.last_chunk()) {
            (u32::from_le_bytes(*first) as u64, u32::from_le_bytes(*last) as u64)
        } else if let (Some(first), Some(last)) = (spelling.first_chunk(), spelling.last_chunk()) {
            (u16::from_le_bytes(*first) as u64, u16::from_le_bytes(*last) as u64)
        } else {
            return Self::NONE;
        };
        Self { first: first | CASE, last: last | CASE, len }
    }

    /// A place in [`TABLE`], another for each known name: [`table`] fails to compile when a new name takes one that
    /// is taken, and another factor is needed then.
    #[inline]
    const fn hash(self) -> usize {
        let mixed = self.first.wrapping_add(self.last.rotate_left(29)).wrapping_mul(FACTOR);
        (mixed >> 55) as usize
    }
}

const FACTOR: u64 = 0x9227_6658_1e27_a1c1;

/// Where each known name stands by its hash.
static TABLE: [Name; 512] = table();

/// The keys of the known names, by their numbers.
static KEYS: [Key; Name::COUNT] = keys();

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler only")]
const fn keys() -> [Key; Name::COUNT] {
    let mut keys = [Key::NONE; Name::COUNT];
    let mut index = 0;
    while index < Name::KNOWN.len() {
        keys[index] = Key::of(Name::KNOWN[index].as_bytes());
        index += 1;
    }
    keys
}

#[expect(clippy::indexing_slicing, reason = "evaluated by the compiler only")]
const fn table() -> [Name; 512] {
    let mut table = [Name::Other; 512];
    let mut index = 0;
    while index < Name::KNOWN.len() {
        let name = Name::KNOWN[index];
        let place = Key::of(name.as_bytes()).hash();
        assert!(matches!(table[place], Name::Other), "two names have the same hash");
        table[place] = name;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_in_any_case() {
        for &name in Name::KNOWN {
            assert_eq!(Name::of(name.as_bytes()), name);
            assert_eq!(Name::of(&name.as_bytes().to_ascii_uppercase()), name);
            assert_eq!(Name::of(&name.as_bytes().to_ascii_lowercase()), name);
            assert_eq!(Name::KNOWN[name.index()], name);
        }
        assert_eq!(Name::of(b"X-Zendesk-Ticket-Id"), Name::Other);
        assert_eq!(Name::of(b"C%6Fntact"), Name::Other);
        assert_eq!(Name::of(b""), Name::Other);
    }

    #[test]
    fn compact_forms() {
        let pairs: [(&[u8], Name); 8] = [
            (b"v", Name::Via),
            (b"F", Name::From),
            (b"t", Name::To),
            (b"i", Name::CallId),
            (b"M", Name::Contact),
            (b"l", Name::ContentLength),
            (b"k", Name::Supported),
            (b"z", Name::Other),
        ];
        for (spelling, name) in pairs {
            assert_eq!(Name::of(spelling), name);
        }
    }
}

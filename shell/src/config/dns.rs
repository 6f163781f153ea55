//! `[dns]`: who is asked for names; the system's own servers where nothing is said.

use core::net::{IpAddr, SocketAddr};

use super::table::{Table, Value};

const KEYS: &[&str] = &["servers"];

/// The port of DNS (RFC 1035 section 4.2).
const PORT: u16 = 53;

pub(super) fn servers(root: &Table<'_>) -> Vec<SocketAddr> {
    let Some(table) = root.one("dns", "[dns]", KEYS) else { return Vec::new() };
    if root.get("appliance").is_some() {
        table.report().mistake(table.at, "a board's DNS servers are \"dns\" in [appliance]; take [dns] away");
    }
    let texts = table.get("servers").map(Value::some_strings).unwrap_or_default();
    texts.into_iter().filter_map(|text| Some(text.read(table.report(), server)?.value)).collect()
}

/// `10.0.0.2`, `10.0.0.2:5353`, `2001:db8::1` or `[2001:db8::1]:5353`.
fn server(text: &str) -> Result<SocketAddr, String> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let alone = || Some(SocketAddr::new(bare.parse::<IpAddr>().ok()?, PORT));
    let address = text.parse().ok().or_else(alone);
    let usable = |address: &SocketAddr| {
        address.port() > 0 && !address.ip().is_unspecified() && !address.ip().is_multicast()
    };
    address.filter(usable).ok_or_else(|| {
        format!("\"{}\" is no address of a server; write it like \"10.0.0.2:53\"", text.escape_debug())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_with_and_without_a_port() {
        for (text, address) in [
            ("10.0.0.2", "10.0.0.2:53"),
            ("10.0.0.2:5353", "10.0.0.2:5353"),
            ("2001:db8::1", "[2001:db8::1]:53"),
            ("[2001:db8::1]", "[2001:db8::1]:53"),
            ("[2001:db8::1]:5353", "[2001:db8::1]:5353"),
        ] {
            assert_eq!(server(text), Ok(address.parse().unwrap()), "{text}");
        }
        for wrong in
            ["", "dns.example", "10.0.0.2:", "10.0.0.2:0", "10.0.0.2:x", "0.0.0.0", "10.0.0.256", "[::1"]
        {
            assert!(server(wrong).is_err(), "{wrong}");
        }
    }
}

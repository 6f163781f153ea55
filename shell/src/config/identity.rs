//! Who calls: `caller`, `anonymous`, `caller_header`, `trust_identity` and `headers` of a trunk.

use super::loaded::Text;
use super::table::{At, Table, Value};
use warmline_core::call::{may_be_carried, number};
use warmline_core::config::{Span, TrunkKind};

/// More bytes of names than are carried of one call.
const MOST: usize = 256;

/// What a trunk is told of callers who withhold their number.
#[derive(Clone, Copy, Debug)]
enum Anonymous<'t> {
    Withhold,
    Number,
    StandIn(&'t str),
}

#[derive(Debug)]
pub(super) struct Identity<'t> {
    trusted: bool,
    header: &'t str,
    /// Empty where the original caller is told.
    caller: &'t str,
    anonymous: Anonymous<'t>,
    headers: Vec<&'t str>,
}

/// What a trunk's section says of who calls; none where that is a mistake.
pub(super) fn read<'t>(table: &Table<'t>, kind: Option<TrunkKind>) -> Option<Identity<'t>> {
    if kind == Some(TrunkKind::Zendesk) {
        for (key, why) in [
            ("trust_identity", "a trunk of kind \"zendesk\" never calls, and asserts nothing"),
            ("caller_header", "a trunk of kind \"zendesk\" never calls, and names no caller"),
            ("headers", "a trunk of kind \"zendesk\" is told the ticket and no other header"),
        ] {
            if let Some(value) = table.get(key) {
                value.mistake(why);
            }
        }
    }
    let trusted = table.get("trust_identity").map_or_else(
        || Some(kind == Some(TrunkKind::Carrier)),
        |value| value.boolean().map(|trusted| trusted.value),
    );
    let header =
        table.get("caller_header").map_or(Some(""), |value| value.read(header).map(|name| name.value));
    let caller = table.get("caller").map_or(Some(""), |value| value.read(caller).map(|caller| caller.value));
    let anonymous = table
        .get("anonymous")
        .map_or(Some(Anonymous::Withhold), |value| value.read(anonymous).map(|anonymous| anonymous.value));
    let headers = table.get("headers").map_or(Some(Vec::new()), headers);
    Some(Identity {
        trusted: trusted?,
        header: header?,
        caller: caller?,
        anonymous: anonymous?,
        headers: headers?,
    })
}

impl Identity<'_> {
    pub(super) fn lower(&self, text: &mut Text) -> warmline_core::config::Identity {
        use warmline_core::config::Anonymous as Told;
        let mut span = |value: &str| if value.is_empty() { Span::EMPTY } else { text.add(value) };
        warmline_core::config::Identity {
            trusted: self.trusted,
            header: span(self.header),
            caller: span(self.caller),
            anonymous: match self.anonymous {
                Anonymous::Withhold => Told::Withhold,
                Anonymous::Number => Told::Number,
                Anonymous::StandIn(number) => Told::StandIn(span(number)),
            },
            carried: span(&self.headers.join(",")),
        }
    }
}

fn caller(value: &str) -> Result<&str, String> {
    match value {
        "original" => Ok(""),
        _ if is_number(value) => Ok(value),
        _ => Err(format!(
            "\"{}\" is not who calls; write \"original\" or a number like \"+8225550100\"",
            value.escape_debug()
        )),
    }
}

fn anonymous(value: &str) -> Result<Anonymous<'_>, String> {
    match value {
        "withhold" => Ok(Anonymous::Withhold),
        "number" => Ok(Anonymous::Number),
        _ if is_number(value) => Ok(Anonymous::StandIn(value)),
        _ => Err(format!(
            "\"{}\" is not what to tell of anonymous callers; write \"withhold\", \"number\" or a number like \"+8225550100\"",
            value.escape_debug()
        )),
    }
}

/// Whether it is in E.164, with its `+`.
fn is_number(text: &str) -> bool {
    number(text.as_bytes(), b"").is_some_and(|number| number.as_slice() == text.as_bytes())
}

fn header(name: &str) -> Result<&str, String> {
    let is = |other: &&str| name.eq_ignore_ascii_case(other);
    let extension = name.len() > 2 && may_be_carried(name.as_bytes()) && name[..2].eq_ignore_ascii_case("x-");
    (extension || ["Remote-Party-ID", "P-Preferred-Identity"].iter().any(is)).then_some(name).ok_or_else(|| {
        format!(
            "\"{}\" names no caller; it may be a header like \"X-Caller\", \"Remote-Party-ID\" or \"P-Preferred-Identity\"",
            name.escape_debug()
        )
    })
}

/// The headers to carry; none where one is a mistake.
fn headers<'t>(value: Value<'t>) -> Option<Vec<&'t str>> {
    if value.is_empty_list() {
        return Some(Vec::new());
    }
    let names = value.strings();
    let mut sound = !names.is_empty();
    for name in &names {
        if !may_be_carried(name.value.as_bytes()) {
            sound = false;
            let At { value: name, at } = name;
            value.report().mistake(
                *at,
                format!(
                    "\"{}\" is not carried; headers may be \"X-…\" but Warmline's own, \"Diversion\", \"History-Info\" and \"User-to-User\"",
                    name.escape_debug()
                ),
            );
        }
    }
    let names: Vec<&str> = names.iter().map(|name| name.value).collect();
    if names.join(",").len() > MOST {
        value.mistake(format!("\"headers\" has more than {MOST} bytes of names"));
        return None;
    }
    sound.then_some(names)
}

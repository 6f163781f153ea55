//! What a line wants its tickets to have, beyond what every ticket has. An account may not know it, or not take it: a ticket
//! without it is better than none.

use core::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Something that a ticket is to have, and where the configuration says so: `config.toml:14:9`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) what: What,
    pub(crate) at: String,
}

/// What it is to have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum What {
    /// The group that sees to it, by its name.
    Group(String),
    /// A form, by its name.
    Form(String),
    /// A brand, by its name.
    Brand(String),
    /// `problem`, `incident`, `question` or `task`.
    Type(String),
    /// `low` and so on.
    Priority(String),
    /// A value of a field of the account's own, by the field's number.
    Field(u64, Value),
}

impl What {
    /// What an account calls it where it says what is wrong with it.
    const fn word(&self) -> &'static str {
        match self {
            Self::Group(_) => "group",
            Self::Form(_) => "form",
            Self::Brand(_) => "brand",
            Self::Type(_) => "type",
            Self::Priority(_) => "priority",
            Self::Field(..) => "field",
        }
    }

    /// Whether a ticket has but one of both.
    pub(crate) fn excludes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Field(one, _), Self::Field(other, _)) => one == other,
            _ => self.word() == other.word(),
        }
    }

    /// Whether this complaint is about it: `ticket_form_id: Ticket form is invalid`. A field is known by its number alone.
    fn is_meant(&self, complaint: &str) -> bool {
        match self {
            Self::Field(id, _) => {
                let mut numbers = complaint.split(|letter: char| !letter.is_ascii_digit());
                numbers.any(|number| number.parse() == Ok(*id))
            }
            _ => complaint.to_ascii_lowercase().contains(self.word()),
        }
    }
}

/// Takes out what an account complains about: all fields where it does not say which of them, and everything where that is
/// none of it. What was taken out.
pub(super) fn leave_out(parts: &mut Vec<Part>, complaints: &[String]) -> Vec<Part> {
    let meant = |part: &Part| complaints.iter().any(|complaint| part.what.is_meant(complaint));
    let field = |part: &Part| matches!(part.what, What::Field(..));
    let fields = complaints.iter().any(|complaint| complaint.contains("field")) && parts.iter().any(field);
    match parts.iter().any(meant) {
        true => parts.extract_if(.., |part| meant(part)).collect(),
        false => parts.extract_if(.., |part| !fields || field(part)).collect(),
    }
}

impl fmt::Display for What {
    /// `group "Support"`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = self.word();
        match self {
            Self::Group(name)
            | Self::Form(name)
            | Self::Brand(name)
            | Self::Type(name)
            | Self::Priority(name) => write!(f, "{word} \"{}\"", name.escape_debug()),
            Self::Field(id, value) => write!(f, "{word} {id} = {value}"),
        }
    }
}

impl fmt::Display for Part {
    /// `group "Support" (config.toml:14:9)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.what, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts() -> Vec<Part> {
        let all = [
            What::Group("Support".into()),
            What::Form("Phone".into()),
            What::Field(27_642, "745".into()),
            What::Field(27_643, true.into()),
        ];
        all.map(|what| Part { what, at: "w.toml:1:2".into() }).into()
    }

    fn left_out(complaint: &str) -> Vec<String> {
        let mut parts = parts();
        leave_out(&mut parts, &[complaint.to_owned()]).iter().map(Part::to_string).collect()
    }

    #[test]
    fn what_is_complained_about_is_left_out_or_all_of_it() {
        assert_eq!(left_out("ticket_form_id: Ticket form is invalid"), ["form \"Phone\" (w.toml:1:2)"]);
        assert_eq!(left_out("base: Group: is invalid"), ["group \"Support\" (w.toml:1:2)"]);
        assert_eq!(left_out("custom_field_27643: is invalid"), ["field 27643 = true (w.toml:1:2)"]);
        assert_eq!(left_out("custom_fields: is invalid").len(), 2);
        assert_eq!(left_out("base: Colour is invalid").len(), 4);
    }
}

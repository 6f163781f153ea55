//! The parts that a board's memory is for, and which static belongs to which.

use crate::program::Static;

/// What memory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) title: &'static str,
    /// Whether it is as large as the number of calls asks for.
    pub(crate) is_of_calls: bool,
    /// How the paths of its statics begin, or, after `..`, end.
    statics: &'static [&'static str],
}

const fn of_calls(title: &'static str, statics: &'static [&'static str]) -> Part {
    Part { title, is_of_calls: true, statics }
}

const fn of_the_board(title: &'static str, statics: &'static [&'static str]) -> Part {
    Part { title, is_of_calls: false, statics }
}

/// All parts, in the order of the table.
pub(crate) const PARTS: &[Part] = &[
    of_calls("calls", &["warmline_fw::room::CALLS"]),
    of_calls("legs, with what they have to remember", &["warmline_fw::room::LEGS"]),
    of_calls("message blocks", &["warmline_fw::room::BLOCKS"]),
    of_calls("live transactions", &["warmline_fw::room::TRANSACTION"]),
    of_calls("finished transactions", &["warmline_fw::room::FINISHED"]),
    of_calls("index of dialogs, timers", &["warmline_fw::room::DIALOGS", "warmline_fw::room::CLOCK"]),
    of_calls(
        "media streams",
        &[
            "warmline_fw::room::STREAM",
            "warmline_fw::room::THIRDS",
            "warmline_fw::room::CONTEXTS",
            "warmline_fw::room::KEYPADS",
            "warmline_fw::room::PACKERS",
        ],
    ),
    of_calls(
        "media ports",
        &["warmline_fw::room::PORT", "warmline_fw::room::DOORS", "warmline_fw::room::NAMES"],
    ),
    of_calls("records of answered calls, kept over a reset", &["warmline_fw::board::retained::RECORDS"]),
    of_the_board(
        "configuration",
        &["warmline_fw::appliance::TABLES", "warmline_fw::appliance::CONFIG", "warmline_fw::room::TRUNKS"],
    ),
    of_the_board("addresses that are pinged", &["warmline_fw::room::PINGS"]),
    of_the_board("telephones that register", &["warmline_fw::room::PHONES", "warmline_fw::room::WINDOWS"]),
    of_the_board("SIP that waits to be read", &["warmline_fw::office::WAITING"]),
    of_the_board(
        "SIP being read and written",
        &["warmline_fw::room::REPLY", "warmline_fw::office::HEARD", "warmline_fw::office::SAID"],
    ),
    of_the_board("IP stack, with reassembly", &["warmline_fw::appliance::STACK"]),
    of_the_board(
        "frames, and the neighbours they are for",
        &[
            "warmline_fw::appliance::FRAME",
            "warmline_fw::appliance::NEIGHBOURS",
            "warmline_fw::board::chosen::FRAMES",
        ],
    ),
    of_the_board(
        "the gate and the office",
        &["warmline_fw::appliance::GATE", "warmline_fw::appliance::OFFICE", "warmline_fw::wire::NEWS"],
    ),
    of_the_board("DNS", &["warmline_fw::appliance::NAMES"]),
    of_the_board("tasks", &["..::POOL", "..::EXECUTOR"]),
    of_the_board("log", &["defmt_", "_SEGGER_RTT"]),
    of_the_board("last words, kept over a reset", &["warmline_fw::board::retained::LAST"]),
];

impl Part {
    fn has(&self, name: &str) -> bool {
        self.statics.iter().any(|pattern| match pattern.strip_prefix("..") {
            Some(end) => name.ends_with(end),
            None => name.starts_with(pattern),
        })
    }

    /// The bytes of its statics.
    pub(crate) fn size(&self, statics: &[Static]) -> u64 {
        let ours = statics.iter().filter(|one| part(&one.name) == Some(self));
        ours.map(|one| one.size).sum()
    }
}

/// The part that a static belongs to, if any.
pub(crate) fn part(name: &str) -> Option<&'static Part> {
    PARTS.iter().find(|part| part.has(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_static_belongs_to_one_part_at_most() {
        let title = |name| part(name).map(|part| part.title);
        assert_eq!(title("warmline_fw::room::TRANSACTION_TIMERS"), Some("live transactions"));
        assert_eq!(title("warmline_fw::names::resolve::POOL"), Some("tasks"));
        assert_eq!(title("warmline_fw::room::NAMES"), Some("media ports"));
        assert_eq!(title("warmline_fw::appliance::NAMES"), Some("DNS"));
        assert_eq!(title("embassy_stm32::time_driver::DRIVER"), None);
    }

    #[test]
    fn parts_add_up() {
        let one = |name: &str, size| Static { name: name.to_owned(), size, is_in_flash: false };
        let statics =
            [one("warmline_fw::room::PORTS", 3), one("warmline_fw::room::DOORS", 4), one("other", 5)];
        assert_eq!(PARTS.iter().map(|part| part.size(&statics)).sum::<u64>(), 7);
        assert_eq!(part("warmline_fw::room::PORTS").map(|part| part.size(&statics)), Some(7));
    }
}

//! The one table by which a failure of the called leg becomes a failure of the calling leg.

use crate::reason::Reason;

/// Why a target that answered with `status` (300 to 699) was not reached. [`Reason::status`] is what the caller is
/// told: never a challenge (401, 407), which is not theirs to answer, never a redirection, which would send them
/// past us, and never a bare 503, which would stop them from sending any other call.
pub const fn target_failure(status: u16) -> Reason {
    match status {
        401 | 407 => Reason::TargetWantsCredentials,
        404 | 410 | 484 | 604 => Reason::TargetNotFound,
        408 => Reason::TargetSilent,
        486 | 600 => Reason::TargetBusy,
        415 | 488 | 606 => Reason::TargetMedia,
        603 | 607 => Reason::TargetDeclined,
        500..=599 => Reason::TargetFailed,
        // 3xx, 403, 480 and the rest.
        _ => Reason::TargetRefused,
    }
}

/// Whether another address of the same target may do better: this one's server is silent about it (408), or failed
/// (RFC 3263 section 4.3 names 503; which 5xx is said of one's own trouble, servers differ about). Everything else is
/// the target's own word.
pub(crate) const fn tries_next_address(status: u16) -> bool {
    matches!(status, 408 | 500..=599)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_address_is_tried_for_the_servers_failures_alone() {
        for status in 300..=699 {
            let server = status == 408 || status / 100 == 5;
            assert_eq!(tries_next_address(status), server, "{status}");
        }
    }

    #[test]
    fn no_failure_crosses_that_must_not() {
        for status in 300..=699 {
            let told = target_failure(status).status().unwrap();
            assert!((400..=699).contains(&told), "{status} became {told}");
            assert!(!matches!(told, 401 | 407 | 503), "{status} became {told}");
        }
    }

    #[test]
    fn the_table() {
        for (status, told) in [
            (302, 480),
            (401, 480),
            (403, 480),
            (407, 480),
            (404, 404),
            (408, 408),
            (480, 480),
            (486, 486),
            (488, 488),
            (500, 500),
            (503, 500),
            (600, 486),
            (603, 603),
            (604, 404),
            (606, 488),
        ] {
            assert_eq!(target_failure(status).status(), Some(told), "{status}");
        }
    }
}

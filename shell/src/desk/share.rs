//! Which of the tickets that Talk has made by itself is whose: nothing in them says of which of a caller's calls they are.
//!
//! Calls and tickets are paired in the order of time, so that as many calls as can be have theirs; of such pairings it is the
//! one in which tickets were made the nearest to when their calls were handed over.

use crate::desk::{Closing, Handover};

/// How much earlier than a hand-over, or later than its call's end, Talk's ticket may say it was made: clocks differ.
pub(super) const CLOCKS: i64 = 30_000_000;

/// A ticket of a phone call, and when it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Spoken {
    pub(crate) ticket: u64,
    /// In microseconds since 1970 in UTC, as all times are.
    pub(crate) at: i64,
}

/// A call that Talk may have made a ticket of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rung {
    pub(crate) call: u64,
    began: i64,
    ended: i64,
}

impl Rung {
    /// That of an entry; of a call that has not ended, or whose end nobody saw, it may have been any time.
    pub(crate) fn of(handover: &Handover, closing: Option<&Closing>) -> Self {
        let ended = closing.map_or(i64::MAX, |closing| closing.ended);
        Self { call: handover.call, began: handover.began, ended }
    }

    fn may_have(&self, spoken: &Spoken) -> bool {
        spoken.at >= self.began.saturating_sub(CLOCKS) && spoken.at <= self.ended.saturating_add(CLOCKS)
    }
}

/// The best way to pair some calls with some tickets.
#[derive(Clone, Copy, Debug, Default)]
struct Pairing {
    pairs: u64,
    /// How far they are apart, all together.
    apart: u64,
    /// The ticket of the call that is asked for.
    wanted: Option<u64>,
}

impl Pairing {
    const fn beats(&self, other: &Self) -> bool {
        self.pairs > other.pairs || self.pairs == other.pairs && self.apart < other.apart
    }
}

/// The ticket that is this call's, of those that nobody has yet among these calls.
pub(crate) fn share(call: u64, mut calls: Vec<Rung>, mut made: Vec<Spoken>) -> Option<u64> {
    calls.sort_unstable_by_key(|rung| (rung.began, rung.call));
    made.sort_unstable_by_key(|spoken| (spoken.at, spoken.ticket));
    // Of the calls so far, and of none, one, two ... tickets.
    let mut so_far = vec![Pairing::default(); made.len() + 1];
    for rung in &calls {
        let mut best = Pairing::default();
        let mut next = vec![best];
        for (before, spoken) in so_far.windows(2).zip(&made) {
            let &[one_less, without] = before else { continue };
            if without.beats(&best) {
                best = without;
            }
            let with = Pairing {
                pairs: one_less.pairs + 1,
                apart: one_less.apart.saturating_add(spoken.at.abs_diff(rung.began)),
                wanted: if rung.call == call { Some(spoken.ticket) } else { one_less.wanted },
            };
            if rung.may_have(spoken) && !best.beats(&with) {
                best = with;
            }
            next.push(best);
        }
        so_far = next;
    }
    so_far.last()?.wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Calls by when they began and ended, and tickets by when they were made, in seconds; which ticket each call has.
    fn shared(calls: &[(i64, i64)], made: &[i64]) -> Vec<Option<u64>> {
        let micros = |seconds: i64| seconds.saturating_mul(1_000_000);
        let rung = |(call, &(began, ended)): (u64, &(i64, i64))| Rung {
            call,
            began: micros(began),
            ended: micros(ended),
        };
        let rung: Vec<_> = (0..).zip(calls).map(rung).collect();
        let made: Vec<_> = (100..).zip(made).map(|(ticket, at)| Spoken { ticket, at: micros(*at) }).collect();
        rung.iter().map(|one| share(one.call, rung.clone(), made.clone())).collect()
    }

    #[test]
    fn each_call_has_the_one_that_was_made_of_it() {
        assert_eq!(shared(&[(0, 20), (40, 60)], &[2, 42]), [Some(100), Some(101)]);
        assert_eq!(shared(&[(0, 20), (1, 21)], &[1, 2]), [Some(100), Some(101)], "one second apart");
        assert_eq!(shared(&[(0, 20), (1, 21)], &[1, 1]), [Some(100), Some(101)], "in the same second");
        assert_eq!(shared(&[(0, 20), (40, 60)], &[27, 67]), [Some(100), Some(101)], "clocks differ");
        assert_eq!(shared(&[(40, 60), (0, 20)], &[2, 42]), [Some(101), Some(100)], "however they come");
    }

    #[test]
    fn a_call_of_which_none_was_made_has_none() {
        assert_eq!(shared(&[(0, 20), (40, 60)], &[42]), [None, Some(100)]);
        assert_eq!(shared(&[(0, 20), (40, 60)], &[2]), [Some(100), None]);
        assert_eq!(shared(&[(0, 20)], &[51]), [None], "it had ended");
        assert_eq!(shared(&[(40, 60)], &[9]), [None], "it had not begun");
        assert_eq!(shared(&[(0, i64::MAX)], &[9_000]), [Some(100)], "nobody saw its end");
        assert_eq!(shared(&[(0, 20)], &[]), [None]);
    }
}

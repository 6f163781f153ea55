//! Whether the targets of a step that rings them together can be.

use warmline_core::config::{Answers, Config, Ring, Target};
use warmline_core::locate::Place;

use super::mistake::Report;

/// Refuses those that cannot; `places` says where each of the configuration's rings is said to be rung so.
pub(super) fn refuse(report: &Report<'_>, config: &Config<'_>, places: &[Option<usize>]) {
    let mut first = None;
    for (ring, place) in config.rings.iter().zip(places) {
        let (Some(at), Some(target)) = (*place, config.target(ring.target)) else { continue };
        first = Some(ring).filter(|ring| !ring.beside).or(first);
        if let Some(why) = first.and_then(|first| alone(config, first, target)) {
            report.mistake(at, format!("it cannot be rung together with others: {why}"));
        }
    }
}

/// Why a target cannot be rung beside the first of its step.
fn alone(config: &Config<'_>, first: &Ring, target: &Target) -> Option<&'static str> {
    let interface = |target: &Target| {
        let trunk = config.trunk(target.trunk)?;
        config.listener(trunk.listener).map(|(listener, _)| listener.interface)
    };
    if matches!(target.answers, Answers::Queue { .. }) {
        return Some("a queue answers at once, whoever else is rung");
    }
    if Place::of(config, target).is_some_and(|place| place.literal().is_none()) {
        return Some("its URI names no address, and it is no telephone that registers");
    }
    let other = config.target(first.target).is_some_and(|first| interface(first) != interface(target));
    other.then_some("it is reached by another interface than the first")
}

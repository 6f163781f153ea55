//! What is no mistake, and yet hardly meant: it is said, and the configuration is taken.

use warmline_core::config::{Answer, LineIndex, Ring, Then, TrunkKind};

use super::mistake::Report;
use super::table::{At, Table};
use super::target::Targets;
use super::then;
use super::trunk::Trunks;
use super::waiting::Waiting;

/// Says so where callers of a line are hung up on whenever nobody takes their call: they were answered, and there is nobody to
/// give them back to.
pub(super) fn hangs_up(table: &Table<'_>, waiting: &Waiting, callers: &[At<usize>], trunks: &Trunks<'_>) {
    if waiting.answer != Answer::AtOnce || waiting.unanswered != Then::Return {
        return;
    }
    let Some(answer) = table.get("answer") else { return };
    for caller in callers {
        let Some(trunk) = trunks.entry(caller.value) else { continue };
        let name = trunks.names.of(caller.value);
        let instead = match (trunk.kind, trunk.return_to) {
            (TrunkKind::Ai, Some(_)) => continue,
            (TrunkKind::Ai, None) => {
                format!("give trunk \"{name}\" a \"return_to\", or say in [line.unanswered]")
            }
            _ => "say in [line.unanswered]".to_owned(),
        };
        let message = format!(
            "callers from trunk \"{name}\" are answered at once, and hung up on when nobody takes the call: there is nobody to \
             give them back to; {instead} what else becomes of them"
        );
        table.report().caution(answer.at, message);
    }
}

/// Says so where callers do not wait long enough for a step of the plan.
pub(super) fn never_rings(table: &Table<'_>, waiting: &Waiting, rings: &[Ring], targets: &Targets<'_>) {
    let Some(max_wait) = table.get("max_wait") else { return };
    let steps = rings.chunk_by(|_, next| next.beside);
    let mut before: u32 = 0;
    for step in steps {
        let Some(name) = step.first().map(|ring| targets.names.of(ring.target.0.into())) else { continue };
        if before >= u32::from(waiting.max_wait) * 1_000 {
            let message = format!(
                "callers wait for {} s, and before target \"{name}\" others ring for {} s: it is rung only where they fail sooner",
                waiting.max_wait,
                before / 1_000
            );
            return table.report().caution(max_wait.at, message);
        }
        before = before.saturating_add(step.first().map_or(0, |ring| ring.time));
    }
}

/// Says so where a line sends its callers to itself at some hours, where they come back to the same hours.
pub(super) fn goes_round(report: &Report<'_>, when: &Table<'_>, line: usize, then: Then) {
    if then == Then::Line(LineIndex(u16::try_from(line).unwrap_or(u16::MAX)))
        && let Some(said) = when.get(then::LINE)
    {
        let message =
            "this is the line itself: its callers go round until they are given back; name another line";
        report.caution(said.at, message);
    }
}

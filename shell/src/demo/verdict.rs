//! What is missing of a scene.

use super::ear::Sound;
use super::scene::Scene;
use super::seen::End;

/// Adds to a scene's faults what was seen or heard otherwise than it should have been.
pub(super) fn find(scene: &mut Scene) {
    let mut faults = Vec::new();
    for (end, heard) in End::ALL.into_iter().zip(&scene.heard) {
        let expected = scene.ending.heard_by(end);
        let order: Vec<Sound> = heard.iter().map(|heard| heard.sound).collect();
        if order != expected {
            let (expected, order) = (in_words(expected), in_words(&order));
            faults.push(format!("{} should have heard {expected}; it heard {order}.", end.name()));
        }
    }
    if scene.foreign > 0 {
        faults.push(format!("{} packets came that nobody had agreed on.", scene.foreign));
    }
    if !scene.told_agent.is_empty() {
        faults.push(format!("The AI agent was told of ticket {}.", scene.told_agent.join(", ")));
    }
    if scene.notified != scene.ending.notified() {
        let (expected, told) = (scene.ending.notified().join(", "), scene.notified.join(", "));
        faults.push(format!("The AI agent should have been told {expected}; it was told: {told}."));
    }
    let outcome = scene.ending.outcome();
    match &scene.tickets[..] {
        [(number, _)] => {
            if scene.told_zendesk != [number.to_string()] {
                let told = scene.told_zendesk.join(", ");
                faults.push(format!("Zendesk should have been told ticket {number}; it was told: {told}."));
            }
            match scene.outcome() {
                Some(said) if said == outcome => {}
                said => {
                    let said = said.unwrap_or("nothing");
                    faults.push(format!("Ticket {number} should say \"{outcome}\"; it says {said}."));
                }
            }
        }
        tickets => faults.push(format!("The caller should have one ticket, and has {}.", tickets.len())),
    }
    if scene.left > 0 {
        faults.push(format!("Warmline still has {} call(s) that are over.", scene.left));
    }
    scene.faults.append(&mut faults);
}

/// Sounds as an enumeration.
pub(super) fn in_words(sounds: &[Sound]) -> String {
    match sounds {
        [] => "nothing".to_owned(),
        sounds => sounds.iter().map(|sound| sound.name()).collect::<Vec<_>>().join(", "),
    }
}

impl Sound {
    /// What it is called in a sentence.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Voice(voice) => voice.name(),
            Self::Silence => "silence",
            Self::Noise => "noise",
        }
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::super::ear::Heard;
    use super::super::scene::Ending;
    use super::*;

    /// A scene in which all went as it should.
    fn played(ending: Ending) -> Scene {
        let heard = |sound: &Sound| Heard {
            sound: *sound,
            at: Duration::ZERO,
            packets: 50,
            frequency: 440.0,
            level: -10.0,
        };
        Scene {
            ending,
            caller: "+821044440101",
            seen: vec![],
            heard: End::ALL.map(|end| ending.heard_by(end).iter().map(heard).collect()),
            foreign: 0,
            told_agent: vec![],
            told_zendesk: vec!["7".to_owned()],
            notified: ending.notified().map(str::to_owned).to_vec(),
            tickets: vec![(7, format!("Call 1f has ended: {}.\n", ending.outcome()))],
            left: 0,
            faults: vec![],
        }
    }

    #[test]
    fn each_thing_that_is_missing_is_found() {
        let breaks: [fn(&mut Scene); 10] = [
            |scene| scene.heard[0].truncate(1),
            |scene| scene.heard[1][1].sound = Sound::Noise,
            |scene| scene.heard[0].insert(1, Heard { sound: Sound::Silence, ..scene.heard[0][0] }),
            |scene| scene.foreign = 1,
            |scene| scene.told_agent.push("7".to_owned()),
            |scene| scene.told_zendesk[0] = "8".to_owned(),
            |scene| drop(scene.notified.pop()),
            |scene| scene.tickets.clear(),
            |scene| scene.tickets[0].1 = "Call 1f has ended: abandoned.\n".to_owned(),
            |scene| scene.left = 1,
        ];
        for ending in Ending::ALL {
            let mut scene = played(ending);
            find(&mut scene);
            assert_eq!(scene.faults, Vec::<String>::new());
            for (number, break_it) in breaks.iter().enumerate() {
                let mut scene = played(ending);
                break_it(&mut scene);
                find(&mut scene);
                assert_eq!(scene.faults.len(), 1, "{number}: {:?}", scene.faults);
            }
        }
    }
}

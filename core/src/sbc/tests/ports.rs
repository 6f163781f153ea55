//! Media ports that another program has.

use super::*;

fn opening(outs: &[Out]) -> Option<[u16; 2]> {
    outs.iter().find_map(|out| match out {
        Out::Other(Output::Media { control: Control::Open { ports, .. }, .. }) => Some(*ports),
        _ => None,
    })
}

#[test]
fn other_ports_are_tried() {
    let mut w = World::new();
    let outs = w.hear(AI, &invite("1", "support", ""));
    let (call, first) = (started(&outs), opening(&outs).unwrap());
    let stream = crate::call::stream_of(call);
    let outs = w.tell(Input::Media(Report::Failed { stream }));
    assert!(silent(&outs));
    let second = opening(&outs).unwrap();
    assert!(first.iter().all(|port| !second.contains(port)));
    assert_eq!(w.sbc.ports.taken(), 2);
    w.tell(Input::Media(Report::Opened { stream }));
    assert_eq!(w.sbc.call(call).unwrap().progress, Progress::Resolving);
    w.tell(Input::Command(Command::HangUp(call)));
    w.close(call);
    w.is_clean();
}

#[test]
fn a_relay_that_opens_nothing_is_given_up() {
    let mut w = World::new();
    let outs = w.hear(AI, &invite("1", "support", ""));
    let (call, mut all) = (started(&outs), vec![opening(&outs).unwrap()]);
    let stream = crate::call::stream_of(call);
    let outs = loop {
        let outs = w.tell(Input::Media(Report::Failed { stream }));
        match opening(&outs) {
            Some(ports) => all.push(ports),
            None => break outs,
        }
    };
    assert_eq!(all.len(), 4);
    message(&outs, AI, "SIP/2.0 503");
    w.is_clean();
}

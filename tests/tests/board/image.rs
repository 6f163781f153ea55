//! A board without a configuration that it can use: it says so, and is not there for anybody.

use std::net::UdpSocket;

use warmline_core::image::VERSION;
use warmline_tests::board::{AI, Backstage, board_is_missing};
use warmline_tests::sipp::{PATIENCE, poll};

use crate::WARMLINE;

/// Switches on a board with an image that was spoilt, and gives what it says.
fn complaint(spoil: impl FnOnce(&mut Vec<u8>)) -> String {
    const COMPLAINT: &str = "nothing is answered: ";
    let backstage = Backstage::new();
    let mut image = backstage.image(WARMLINE, &backstage.configuration());
    spoil(&mut image);
    let mut stage = backstage.switch_on(&image);
    let said = stage.board.log.wait_for(COMPLAINT, PATIENCE);
    let agent = UdpSocket::bind((stage.lane.address(AI), 0)).expect("nobody has this port");
    agent.send_to(b"OPTIONS", stage.cast.sip).expect("somebody may be there");
    let asked = || stage.board.wire.packets().iter().any(|packet| packet.is_arp()).then_some(());
    poll(PATIENCE, asked).expect("the agent asks where the board is");
    // It says so every ten seconds, for which it has to live.
    let again = poll(PATIENCE, || (stage.board.log.count(COMPLAINT) > 1).then_some(()));
    assert!(again.is_some() && stage.board.starts() == 1, "{}", stage.board.log.tail());
    let sent = stage.board.wire.sent();
    assert!(sent.is_empty(), "{sent:02x?}");
    assert_eq!(stage.board.log.count("listening at"), 0);
    said
}

#[test]
fn without_an_image_nothing_is_answered() {
    if board_is_missing("without_an_image_nothing_is_answered") {
        return;
    }
    // As flash is that was erased.
    let said = complaint(|image| image.fill(0xff));
    assert!(said.contains("there is no configuration"), "{said}");
}

#[test]
fn with_a_damaged_image_nothing_is_answered() {
    if board_is_missing("with_a_damaged_image_nothing_is_answered") {
        return;
    }
    let said = complaint(|image| {
        let middle = image.len() / 2;
        image[middle] ^= 0x10;
    });
    assert!(said.contains("not as it was built"), "{said}");
}

#[test]
fn with_an_image_of_a_newer_version_nothing_is_answered() {
    if board_is_missing("with_an_image_of_a_newer_version_nothing_is_answered") {
        return;
    }
    // The version stands behind the four letters.
    let said = complaint(|image| image[4] += 1);
    let versions = format!("has format {}, and this program understands {VERSION}", VERSION + 1);
    assert!(said.contains(&versions), "{said}");
}

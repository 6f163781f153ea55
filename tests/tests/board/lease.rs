//! A board that is leased its address, and asks for its targets' names.

use core::time::Duration;

use warmline_tests::board::{AI, BOARD, Backstage, NAME, Request, Server, ZENDESK, board_is_missing};
use warmline_tests::sipp::{PATIENCE, Scenario, poll, sipp_is_missing};

use crate::WARMLINE;

/// How long a lease is good for. Half of it later the board asks for more.
const LEASE: Duration = Duration::from_secs(4);

#[test]
fn a_leased_address_and_a_name_take_a_call() {
    const TEST: &str = "a_leased_address_and_a_name_take_a_call";
    if board_is_missing(TEST) || sipp_is_missing(TEST) {
        return;
    }
    const PACKETS: u16 = 50;
    let backstage = Backstage::new();
    let [ai, zendesk, board] = [AI, ZENDESK, BOARD].map(|last| backstage.lane.address(last));
    let image = backstage.image(WARMLINE, &backstage.leased());
    let dns = Server::dns(&backstage.lane, NAME, zendesk);
    let dhcp = Server::dhcp(&backstage.lane, LEASE);
    let mut stage = backstage.switch_on(&image);
    stage.board.log.wait_for(&format!("at {board} of"), PATIENCE);
    stage.board.log.wait_for("listening at", PATIENCE);

    let mut talk = stage.cast.talk(2, ai, PACKETS);
    // The second comes after the lease has been renewed.
    let every = 2 * LEASE.as_millis() as u32;
    let calls = |name, at| Scenario { calls: 2, every, lasting: 3_000, ..Scenario::once(name, at) };
    let target = stage.cast.answer(calls("zendesk_answers", zendesk), &talk.targets());
    let caller = stage.cast.play(calls("ai_calls", ai), &talk.callers());
    talk.hold(PATIENCE);
    stage.cast.ends_well(caller);
    stage.cast.ends_well(target);
    println!("{} leases and renewals, {} names", dhcp.answered(), dns.answered());
    assert_eq!(dns.answered(), 1, "what is known is not asked for again within half a minute");
    // An offer, a lease, and renewals.
    assert!(dhcp.answered() >= 4, "{}", dhcp.answered());
    assert_eq!(stage.board.starts(), 1);

    // Without a server it keeps the address until the lease is over, and no longer.
    let uri = format!("sip:{board}");
    let options = Request::new("OPTIONS", &uri, (ai, 0).into());
    let sip = stage.cast.sip.into();
    let is_there = || options.is_answered(sip, Duration::from_millis(500));
    assert!(is_there());
    drop(dhcp);
    poll(PATIENCE, || (!is_there()).then_some(())).expect("it gives its address up");
    let dhcp = Server::dhcp(&stage.lane, LEASE);
    poll(PATIENCE, || is_there().then_some(())).expect("it is there again when it has a lease again");
    assert!(dhcp.answered() >= 2 && stage.board.starts() == 1);
}

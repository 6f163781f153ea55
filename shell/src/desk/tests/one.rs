//! One ticket for each call, however the account is: fast, slow, dead, or one that forgets to answer.

use warmline_zendesk_api::API_TOKEN;

use super::*;
use crate::store::retry;

#[test]
fn a_fast_account_makes_it_in_time() {
    let house = House::new("fast");
    let told = call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    assert_eq!(house.one(), told);
    house.api.account(|account| {
        let made = &account.tickets[&told];
        assert_eq!(made.external_id.as_deref(), Some(&*hex(CALL)));
        assert_eq!(
            (made.group, made.priority.as_deref(), &*made.channel),
            (Some(360_001), Some("high"), "voice")
        );
        assert_eq!(made.requester, account.users.first().map(|user| user.id));
        assert_eq!(account.users[0].phone.as_deref(), Some(CALLER));
        assert!(made.comments[0].body.contains("SIP Call-ID: a@b"), "{made:?}");
        assert_eq!(account.minted(), 1);
    });
}

#[test]
fn who_is_expected_costs_one_request() {
    let house = House::new("warm");
    house.wish(Wish::Expect { desk: "acme".into(), caller: CALLER.into() });
    house.waits_until(|house| house.api.asked().len() >= 3);
    let mut quick = handover("acme");
    quick.parts.clear();
    house.ticket(quick, 5 * SECOND).expect("a ticket");
    let asked: Vec<_> =
        house.api.asked().into_iter().map(|(method, path, _)| format!("{method} {path}")).collect();
    assert_eq!(asked[3..], ["POST /api/v2/tickets"], "{asked:?}");
}

#[test]
fn a_slow_account_makes_it_late_and_it_is_found() {
    let house = House::new("slow");
    house.api.upon("POST", "/api/v2/tickets", Act::Slow(2 * SECOND), Some(1));
    assert_eq!(call(&house, SECOND / 2), None);
    house.settles();
    house.one();
}

#[test]
fn a_dead_account_makes_it_when_it_lives() {
    let house = House::new("dead");
    house.api.upon("POST", "/", Act::Cut, None);
    house.api.upon("GET", "/", Act::Cut, None);
    assert_eq!(call(&house, SECOND / 2), None);
    house.waits_until(|house| house.waiting().iter().any(|entry| entry.attempts > 0));
    assert_eq!(house.api.account(|account| account.tickets.len()), 0);
    house.api.behave();
    house.settles();
    house.one();
}

#[test]
fn an_answer_that_is_lost_makes_no_second_ticket() {
    // Once, and it is sent again in time; and for as long as the caller waits.
    for times in [Some(1), Some(3)] {
        let house = House::new(&format!("lost-{}", times.unwrap_or_default()));
        house.api.upon("POST", "/api/v2/tickets", Act::Lost, times);
        let told = call(&house, 3 * SECOND / 2);
        assert!(told.is_some() || times != Some(1));
        house.settles();
        let one = house.one();
        assert!(told.is_none_or(|told| told == one));
    }
    let house = House::new("lost-always");
    house.api.upon("POST", "/api/v2/tickets", Act::Lost, None);
    assert_eq!(call(&house, SECOND / 2), None);
    house.settles();
    house.one();
}

#[test]
fn what_is_written_after_the_call_is_written_once_though_its_answer_is_lost() {
    let house = House::new("comment");
    house.api.upon("PUT", "/api/v2/tickets", Act::Lost, Some(1));
    call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    house.one();
}

#[test]
fn a_token_that_ends_early_is_renewed_in_time() {
    let house = House::new("token");
    house.wish(Wish::Expect { desk: "acme".into(), caller: CALLER.into() });
    house.waits_until(|house| house.api.asked().len() >= 3);
    house.api.account(|account| account.revoke());
    call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    house.one();
    assert_eq!(house.api.account(|account| account.minted()), 2);
}

#[test]
fn after_two_hours_a_ticket_is_looked_for_and_not_made_again() {
    let mut house = House::new("hours");
    house.api.upon("POST", "/api/v2/tickets", Act::Lost, None);
    assert_eq!(house.ticket(handover("acme"), SECOND / 2), None);
    house.stop();
    house.api.behave();
    house.api.account(|account| {
        assert_eq!(account.tickets.len(), 1);
        account.pass(Duration::from_secs(3 * 3600));
    });
    house.start();
    house.settles();
    house.one();
}

#[test]
fn a_crash_at_any_point_leaves_one_ticket() {
    let cues: [&[(&'static str, &'static str, Act)]; 5] = [
        &[],
        &[("POST", "/oauth", Act::Dead)],
        &[("POST", "/api/v2/tickets", Act::Dead)],
        &[("POST", "/api/v2/tickets", Act::Lost)],
        &[("POST", "/api/v2/tickets", Act::Cut)],
    ];
    for (number, cues) in cues.into_iter().enumerate() {
        let mut house = House::new(&format!("crash-{number}"));
        for (method, path, act) in cues {
            house.api.upon(method, path, *act, None);
        }
        let told = house.ticket(handover("acme"), SECOND / 2);
        assert_eq!(told.is_some(), cues.is_empty());
        house.stop();
        house.api.behave();
        house.start();
        house.settles();
        house.one();
    }
}

#[test]
fn somebody_else_who_writes_meanwhile_keeps_nothing_from_being_told() {
    let house = House::new("stale");
    house.api.upon("PUT", "/api/v2/tickets", Act::Status(409, None), Some(1));
    call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    house.one();
}

#[test]
fn an_api_token_opens_the_account_too() {
    let mut house = House::new("api-token");
    house.stop();
    house.credentials = Credentials::Token { email: API_TOKEN.0.into(), token: API_TOKEN.1.into() };
    house.start();
    call(&house, 5 * SECOND).expect("a ticket");
    house.settles();
    house.one();
    assert_eq!(house.api.account(|account| account.minted()), 0);
}

#[test]
fn what_is_refused_steps_aside_until_it_is_tried_again() {
    let house = House::new("aside");
    house.api.upon("PUT", "/api/v2/tickets", Act::Status(422, None), Some(1));
    call(&house, 5 * SECOND).expect("a ticket");
    house.waits_until(|house| house.waiting().first().is_some_and(|entry| entry.state == "aside"));
    let aside = house.waiting().remove(0);
    assert!(aside.note.as_deref().is_some_and(|note| note.starts_with("422: ")), "{aside:?}");
    assert!(!house.read(async |database| retry(database.pool(), "0").await.expect("an answer")));
    assert!(house.read(async |database| retry(database.pool(), &hex(CALL)).await.expect("an answer")));
    house.settles();
    house.one();
}

#[test]
fn a_desk_that_is_gone_is_told() {
    let house = House::new("gone");
    // Nobody waits for it.
    assert_eq!(house.ticket(handover("elsewhere"), 5 * SECOND), None);
}

/// Fifty calls at once at an account that takes 300 ms for each request.
#[test]
fn many_at_once_are_all_in_time() {
    let house = House::new("at-once");
    house.api.account(|account| account.per_minute = 100_000);
    house.api.upon("POST", "/api/v2/tickets", Act::Slow(Duration::from_millis(300)), None);
    let waiting: Vec<_> = (0..50)
        .map(|number| {
            let mut handover = handover("acme");
            handover.call = number;
            handover.caller = Some(format!("+8210444401{number:02}"));
            house.opens(handover, false, 5 * SECOND)
        })
        .collect();
    let answers = waiting.iter().map(|answer| answer.recv_timeout(PATIENCE).expect("an answer"));
    assert_eq!(answers.flatten().count(), 50);
    assert_eq!(house.api.account(|account| account.tickets.len()), 50);
}

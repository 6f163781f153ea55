//! What an account does not take of a ticket.

use super::*;

#[test]
fn what_the_account_does_not_take_is_left_out_and_nothing_else() {
    let right = [
        What::Group("Support".into()),
        What::Form("Phone".into()),
        What::Brand("Apex".into()),
        What::Type("task".into()),
        What::Priority("low".into()),
        What::Field(27_642, "745".into()),
    ];
    let wrong = [
        What::Priority("highest".into()),
        What::Type("call".into()),
        What::Form("Fax".into()),
        What::Field(27_642_000, "x".into()),
    ];
    for (number, wrong) in wrong.into_iter().enumerate() {
        let house = House::new(&format!("parts-{number}"));
        let mut asked = handover("acme");
        let all = right.iter().filter(|what| !what.excludes(&wrong)).chain([&wrong]);
        asked.parts = all.map(|what| part(what.clone(), 3)).collect();
        let told = house.ticket(asked.clone(), 5 * SECOND).expect("a ticket");
        house.closes(asked, Some(told));
        house.settles();
        house.one();
        house.api.account(|account| {
            let made = &account.tickets[&told];
            let found = [
                made.group == Some(360_001),
                made.form == Some(360_102),
                made.brand == Some(360_202),
                made.kind.as_deref() == Some("task"),
                made.priority.as_deref() == Some("low"),
                made.fields.get(&27_642).is_some_and(|value| value == "745"),
            ];
            for (found, right) in found.into_iter().zip(&right) {
                assert_eq!(found, !right.excludes(&wrong), "{right:?} {made:?}");
            }
        });
    }
}

#[test]
fn what_it_does_not_take_is_left_out_after_the_call_too() {
    let house = House::new("parts-late");
    house.api.upon("POST", "/api/v2/tickets", Act::Cut, Some(8));
    let mut asked = handover("acme");
    asked.parts.push(part(What::Type("call".into()), 3));
    assert_eq!(house.ticket(asked.clone(), SECOND / 2), None);
    house.api.behave();
    house.closes(asked, None);
    house.settles();
    let told = house.one();
    house.api.account(|account| assert_eq!(account.tickets[&told].group, Some(360_001)));
}

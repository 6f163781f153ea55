//! Challenges and credentials that real peers and the RFCs' flows have. The folder of them lies beside the repository,
//! where there is one.

use std::fs;
use std::path::Path;

use warmline_core::digest::{Demand, DigestError, DigestResponse, challenges};
use warmline_core::sip::Message;

/// Every message in these folders.
fn messages(folders: &[&str]) -> Vec<(String, Vec<u8>)> {
    let corpora = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/corpora"));
    let folders = folders.iter().filter_map(|folder| fs::read_dir(corpora.join(folder)).ok());
    let files = folders.flatten().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut found: Vec<_> =
        files.map(|path| (path.display().to_string(), fs::read(&path).unwrap())).collect();
    found.sort();
    found
}

/// What was read, and what of it was refused and why.
fn read(folders: &[&str]) -> (usize, usize, Vec<(String, DigestError)>) {
    let (mut asked, mut answered, mut refused) = (0, 0, Vec::new());
    for (name, bytes) in messages(folders) {
        let Ok(message) = Message::parse(&bytes) else { continue };
        for demand in [Demand::Server, Demand::Proxy] {
            for challenge in message.headers(demand.challenge()).flat_map(challenges) {
                match challenge {
                    Ok(challenge) => {
                        assert!(!challenge.nonce.is_empty(), "{name}");
                        asked += 1;
                    }
                    Err(error) => refused.push((name.clone(), error)),
                }
            }
            for value in message.headers(demand.credentials()) {
                match DigestResponse::parse(value) {
                    Ok(credentials) => {
                        assert!(!credentials.user.is_empty() && !credentials.uri.is_empty(), "{name}");
                        answered += 1;
                    }
                    Err(error) => refused.push((name.clone(), error)),
                }
            }
        }
    }
    (asked, answered, refused)
}

fn expect(folders: &[&str], asked: usize, answered: usize, refused: &[(&str, DigestError)]) {
    let found = read(folders);
    if found.0 + found.1 == 0 {
        println!("not run: ../shared/corpora is not there");
        return;
    }
    println!("{} challenges, {} credentials", found.0, found.1);
    assert_eq!((found.0, found.1), (asked, answered));
    let refusals = found.2.iter().zip(refused);
    assert!(
        refusals.clone().all(|(one, other)| one.0.ends_with(other.0) && one.1 == other.1),
        "{:?}",
        found.2
    );
    assert_eq!(found.2.len(), refused.len());
}

#[test]
fn what_real_peers_say_is_read() {
    // Quotes written with backslashes, by a tool between; and another scheme.
    let refused = [("sip__f00002_001.sip", DigestError::Malformed), ("test9.txt", DigestError::Unsupported)];
    expect(&["sip-captured", "sip-captured-live", "sip-text-real", "sofia-sip/sip"], 4, 4, &refused);
}

#[test]
fn what_the_rfcs_flows_say_is_read() {
    // Two of RFC 3665's messages have mistakes: a comma is missing; qop is there without nc and cnonce.
    let refused = [
        ("003_REGISTER-sips-ss2-biloxi-exa.sip", DigestError::Malformed),
        ("005_REGISTER-sips-ss2-biloxi-exa.sip", DigestError::Incomplete),
    ];
    let flows = ["rfc-flows/rfc3261", "rfc-flows/rfc3515", "rfc-flows/rfc3665", "rfc-flows/rfc4028"];
    expect(&flows, 8, 23, &refused);
}

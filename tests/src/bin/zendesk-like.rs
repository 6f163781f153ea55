//! `zendesk-like ADDRESS:PORT...`: a far end like Zendesk Talk's, to try Warmline against by hand. Tells of each call
//! once it is over.

use core::net::SocketAddr;
use core::time::Duration;
use std::process::ExitCode;

use warmline_tests::zendesk::{FarEnd, Goodbye, Manners, Rules, Security};

const USAGE: &str = "\
usage: zendesk-like [OPTION]... ADDRESS:PORT...
  --domain NAME       take calls for this domain alone
  --srtp              take SRTP alone
  --answers MS        answer after so many milliseconds (300)
  --unserved          hang up 8 to 25 s after the answer, as a line does that nobody serves
  --hangs-up MS       hang up so many milliseconds after the answer
  --silent N          say nothing at the first N addresses";

/// How often it looks for something to tell.
const MOMENT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    match read(std::env::args().skip(1)) {
        Some((addresses, manners)) => match FarEnd::open(&addresses, manners) {
            Ok(far_end) => tell(&far_end),
            Err(error) => {
                eprintln!("zendesk-like: cannot listen: {error}");
                ExitCode::FAILURE
            }
        },
        None => {
            eprintln!("{USAGE}");
            ExitCode::from(2)
        }
    }
}

fn read(mut words: impl Iterator<Item = String>) -> Option<(Vec<SocketAddr>, Manners)> {
    let (mut addresses, mut manners) = (Vec::new(), Manners::default());
    let mut rules = Rules::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--domain" => rules.domain = Some(words.next()?),
            "--srtp" => rules.security = Security::Srtp,
            "--answers" => manners.answers = words.next()?.parse().ok()?,
            "--unserved" => manners.goodbye = Goodbye::UNSERVED,
            "--hangs-up" => manners.goodbye = Goodbye::After(words.next()?.parse().ok()?),
            "--silent" => manners.silent = words.next()?.parse().ok()?,
            address => addresses.push(address.parse().ok()?),
        }
    }
    (!addresses.is_empty()).then_some((addresses, Manners { rules, ..manners }))
}

/// Until it is ended from outside.
fn tell(far_end: &FarEnd) -> ! {
    let (mut told, mut wrong) = (Vec::new(), 0);
    loop {
        for (number, visit) in far_end.visits().into_iter().enumerate() {
            if visit.over && !told.contains(&number) {
                told.push(number);
                println!("{visit:?}");
            }
        }
        let faults = far_end.faults();
        for fault in faults.get(wrong..).unwrap_or_default() {
            eprintln!("zendesk-like: {fault}");
        }
        wrong = faults.len();
        std::thread::sleep(MOMENT);
    }
}

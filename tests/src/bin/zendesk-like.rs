//! `zendesk-like ADDRESS:PORT...`: a far end like Zendesk Talk's, to try Warmline against by hand; with `--api`, and an API
//! like Zendesk's. Tells of each call once it is over, and of each request.

use core::net::SocketAddr;
use core::time::Duration;
use std::process::ExitCode;

use warmline_tests::zendesk::api::{Api, CLIENT};
use warmline_tests::zendesk::{FarEnd, Goodbye, Manners, Rules, Security};

const USAGE: &str = "\
usage: zendesk-like [OPTION]... ADDRESS:PORT...
  --domain NAME       take calls for this domain alone
  --srtp              take SRTP alone
  --answers MS        answer after so many milliseconds (300)
  --unserved          hang up 8 to 25 s after the answer, as a line does that nobody serves
  --hangs-up MS       hang up so many milliseconds after the answer
  --silent N          say nothing at the first N addresses
  --api ADDRESS:PORT  have an account as well, for a desk's base_url; who may use it is said at the start.
                      A call that comes without a ticket makes one there, as Talk does";

/// How often it looks for something to tell.
const MOMENT: Duration = Duration::from_millis(100);

fn main() -> ExitCode {
    match read(std::env::args().skip(1)) {
        Some((addresses, manners, api)) => match open(&addresses, manners, api) {
            Ok((far_end, api)) => tell(&far_end, api.as_ref()),
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

fn open(
    addresses: &[SocketAddr],
    manners: Manners,
    api: Option<SocketAddr>,
) -> std::io::Result<(FarEnd, Option<Api>)> {
    let api = api.map(Api::open).transpose()?;
    if let Some(api) = &api {
        println!(
            "base_url = \"{}\", client_id = \"{}\", client_secret = \"{}\"",
            api.base(),
            CLIENT.0,
            CLIENT.1
        );
    }
    Ok((FarEnd::open(addresses, manners)?, api))
}

/// What the command line says: where it listens, how it behaves, and where its account is.
type Said = (Vec<SocketAddr>, Manners, Option<SocketAddr>);

fn read(mut words: impl Iterator<Item = String>) -> Option<Said> {
    let (mut addresses, mut manners, mut api) = (Vec::new(), Manners::default(), None);
    let mut rules = Rules::default();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--domain" => rules.domain = Some(words.next()?),
            "--srtp" => rules.security = Security::Srtp,
            "--answers" => manners.answers = words.next()?.parse().ok()?,
            "--unserved" => manners.goodbye = Goodbye::UNSERVED,
            "--hangs-up" => manners.goodbye = Goodbye::After(words.next()?.parse().ok()?),
            "--api" => api = Some(words.next()?.parse().ok()?),
            "--silent" => manners.silent = words.next()?.parse().ok()?,
            address => addresses.push(address.parse().ok()?),
        }
    }
    (!addresses.is_empty()).then_some((addresses, Manners { rules, ..manners }, api))
}

/// Until it is ended from outside.
fn tell(far_end: &FarEnd, api: Option<&Api>) -> ! {
    let (mut told, mut taken, mut wrong, mut asked) = (Vec::new(), Vec::new(), 0, 0);
    loop {
        for (number, visit) in far_end.visits().into_iter().enumerate() {
            if let Some(api) = api
                && visit.answered
                && visit.ticket.is_none()
                && !taken.contains(&number)
            {
                taken.push(number);
                let ticket = api.account(|account| account.talk_takes(&visit.caller));
                println!("ticket {ticket} is made for a call without one");
            }
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
        let requests = api.map(Api::asked).unwrap_or_default();
        for (method, path, status) in requests.get(asked..).unwrap_or_default() {
            println!("{method} {path}: {status}");
        }
        asked = requests.len();
        std::thread::sleep(MOMENT);
    }
}

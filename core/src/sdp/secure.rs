//! What two ends agree on of SRTP.

use std::format;
use std::string::String;
use std::vec::Vec;

use super::*;
use crate::g711::Law;
use crate::random::Random;
use crate::rtp::Direction;
use crate::srtp::{Policy, Secret, Suite};

const KEY: &str = "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz";
const GCM: &str = "AAECAwQFBgcICQoLDA0OD1F1aWQgcHJvIHF1bw==";

fn secret(seed: u8) -> Secret {
    Secret::new(&mut Random::new(&[seed; 32]))
}

fn local(policy: Policy, seed: u8) -> Local {
    Local {
        address: "192.0.2.9".parse().unwrap(),
        port: 20_000,
        session: 1,
        version: 1,
        direction: Direction::SendRecv,
        keys: Some((policy, secret(seed))),
    }
}

fn described(section: &str) -> String {
    format!("v=0\r\no=- 1 1 IN IP4 h\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n{section}")
}

fn chosen(section: &str, policy: Policy) -> Result<Agreed, Refusal> {
    choose(&Session::parse(described(section).as_bytes()).unwrap(), policy)
}

fn written(write: impl FnOnce(&mut [u8]) -> Option<usize>) -> String {
    let mut out = [0; 720];
    let len = write(&mut out).unwrap();
    String::from_utf8(out[..len].to_vec()).unwrap()
}

fn accepted(answer: &str, policy: Policy) -> Result<Agreed, Refusal> {
    accept(&Session::parse(answer.as_bytes()).unwrap(), Direction::SendRecv, policy)
}

#[test]
fn the_first_line_that_can_be_used_is_taken_under_its_tag() {
    let offer = format!(
        "m=audio 4000 RTP/SAVP 0\r\n\
         a=crypto:1 AES_256_CM_HMAC_SHA1_80 inline:{KEY}\r\n\
         a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4\r\n\
         a=crypto:3 AES_CM_128_HMAC_SHA1_80 inline:{KEY} UNENCRYPTED_SRTCP\r\n\
         a=crypto:5 AEAD_AES_128_GCM inline:{GCM}\r\n\
         a=crypto:6 AES_CM_128_HMAC_SHA1_80 inline:{KEY}\r\n"
    );
    for policy in [Policy::Allowed, Policy::Required] {
        let agreed = chosen(&offer, policy).unwrap();
        let crypto = agreed.crypto.unwrap();
        assert_eq!((crypto.tag, crypto.master.suite()), (5, Suite::AeadAes128Gcm));
        assert_eq!(&crypto.master.bytes()[16..], b"Quid pro quo");
        let answer = written(|out| answer(&agreed, &local(policy, 1), out));
        let lines: Vec<&str> = answer.lines().filter(|line| line.starts_with("a=crypto")).collect();
        assert!(answer.contains("\r\nm=audio 20000 RTP/SAVP 0\r\n"), "{answer}");
        let [line] = lines[..] else { panic!("{answer}") };
        assert!(line.starts_with("a=crypto:5 AEAD_AES_128_GCM inline:") && !line.contains(GCM));
        // Without keys of ours there is no answer.
        assert_eq!(super::answer(&agreed, &Local { keys: None, ..local(policy, 1) }, &mut [0; 720]), None);
    }
    assert_eq!(chosen(&offer, Policy::Off), Err(Refusal::Secure));
}

#[test]
fn what_is_required_or_off_is_not_had_otherwise() {
    let line = format!("a=crypto:1 AES_CM_128_HMAC_SHA1_32 inline:{KEY}\r\n");
    let (savp, avp) = ("m=audio 4000 RTP/SAVP 0\r\n", "m=audio 4000 RTP/AVP 0\r\n");
    let secure = |policy, text: &str| chosen(text, policy).map(|agreed| agreed.crypto.is_some());
    use Policy::{Allowed, Off, Required};
    use Refusal::{Insecure, NoSuite, Secure};
    let both = format!("{savp}{line}");
    let beside = format!("{avp}{line}");
    let unusable = beside.replace(KEY, &format!("{KEY}|2^20|1:1"));
    let feedback = "m=audio 4000 RTP/SAVPF 0\r\n";
    let two = format!("{avp}{both}");
    for (text, off, allowed, required) in [
        (avp, Ok(false), Ok(false), Err(Insecure)),
        (savp, Err(Secure), Err(NoSuite), Err(NoSuite)),
        (&both, Err(Secure), Ok(true), Ok(true)),
        (&beside, Ok(false), Ok(true), Ok(true)),
        (&unusable, Ok(false), Ok(false), Err(NoSuite)),
        (feedback, Err(Secure), Err(NoSuite), Err(NoSuite)),
        (&two, Ok(false), Ok(false), Ok(true)),
    ] {
        assert_eq!(
            [secure(Off, text), secure(Allowed, text), secure(Required, text)],
            [off, allowed, required],
            "{text}"
        );
    }
    // The answer is of the section's own kind.
    let agreed = chosen(&beside, Required).unwrap();
    let said = written(|out| answer(&agreed, &local(Required, 1), out));
    assert!(
        said.contains("m=audio 20000 RTP/AVP 0\r\n") && said.contains("a=crypto:1 AES_CM_128_HMAC_SHA1_32 ")
    );
}

#[test]
fn two_of_us_agree_and_know_each_others_keys() {
    for (ours, theirs) in [
        (Policy::Required, Policy::Allowed),
        (Policy::Allowed, Policy::Required),
        (Policy::Allowed, Policy::Allowed),
    ] {
        let (caller, callee) = (local(ours, 1), local(theirs, 2));
        let offered = written(|out| offer(&caller, Law::Mu, out));
        let savp = ours == Policy::Required;
        assert_eq!(offered.contains("RTP/SAVP"), savp);
        let heard = choose(&Session::parse(offered.as_bytes()).unwrap(), theirs).unwrap();
        let crypto = heard.crypto.unwrap();
        let suite = Suite::AesCm128HmacSha1_80;
        assert_eq!(crypto.master, secret(1).master(suite));
        let said = written(|out| answer(&heard, &callee, out));
        let agreed = accepted(&said, ours).unwrap();
        assert_eq!(agreed.crypto.unwrap().master, secret(2).master(suite));
        // Said again as an offer, it may be answered with another key, but not with another line.
        let again = choose(&Session::parse(said.as_bytes()).unwrap(), ours).unwrap();
        let other = written(|out| answer(&again, &local(ours, 3), out));
        let session = |text: &str| accept_again(&Session::parse(text.as_bytes()).unwrap(), &heard);
        assert_eq!(session(&other).unwrap().crypto.unwrap().master, secret(3).master(suite));
        assert_eq!(session(&other.replace("crypto:1", "crypto:2")), Err(Refusal::NoSuite));
        assert_eq!(
            session(&other.replace("a=crypto", "a=x")).map(drop).unwrap_err() == Refusal::Insecure,
            !savp
        );
    }
}

#[test]
fn an_answer_takes_a_line_that_was_offered() {
    let said = |protocol: &str, line: &str| described(&format!("m=audio 4000 {protocol} 0\r\n{line}"));
    let line = |tag: u32, suite: &str| format!("a=crypto:{tag} {suite} inline:{KEY}\r\n");
    for (tag, suite, taken) in [
        (1, "AES_CM_128_HMAC_SHA1_80", true),
        (2, "AES_CM_128_HMAC_SHA1_32", true),
        (2, "AES_CM_128_HMAC_SHA1_80", false),
        (5, "AES_CM_128_HMAC_SHA1_80", false),
    ] {
        let agreed = accepted(&said("RTP/SAVP", &line(tag, suite)), Policy::Required);
        assert_eq!(agreed.is_ok(), taken, "{tag} {suite}");
    }
    assert_eq!(accepted(&said("RTP/AVP", ""), Policy::Required), Err(Refusal::Insecure));
    assert_eq!(accepted(&said("RTP/AVP", ""), Policy::Allowed).map(|agreed| agreed.crypto), Ok(None));
    let unasked = said("RTP/AVP", &line(1, "AES_CM_128_HMAC_SHA1_80"));
    assert_eq!(accepted(&unasked, Policy::Off).map(|agreed| agreed.crypto), Ok(None));
}

#[test]
fn what_is_promised_to_fit_does() {
    let longest = Local {
        address: "2001:db8:1111:2222:3333:4444:5555:6666".parse().unwrap(),
        port: u16::MAX,
        session: u64::MAX,
        version: u64::MAX,
        ..local(Policy::Required, 1)
    };
    assert!(offer(&longest, Law::Mu, &mut [0; 720]).is_some());
    let key = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9RdWlkIHBybyBxdW8=";
    let text = format!(
        "m=audio 4000 RTP/SAVP 127 126\r\na=rtpmap:127 PCMU/8000\r\na=rtpmap:126 telephone-event/8000\r\n\
         a=crypto:999999999 AEAD_AES_256_GCM inline:{key}\r\nm=application 1 {} x\r\n",
        "b".repeat(112 - 15)
    );
    let agreed = chosen(&text, Policy::Required).unwrap();
    assert!(answer(&agreed, &longest, &mut [0; 600]).is_some());
}

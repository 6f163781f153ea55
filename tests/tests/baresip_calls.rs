//! Telephones that are not ours, baresip, in calls with a far end like Zendesk's and with one another.

use core::net::{Ipv4Addr, SocketAddrV4};

use warmline_tests::sipp::{
    Authority, Baresip, Cast, PATIENCE, Rung, Stage, Telephone, ZENDESK, is_missing, poll, ports,
};
use warmline_tests::zendesk::FarEnd;

const PROGRAM: &str = env!("CARGO_BIN_EXE_warmline-tests");

/// Where Warmline stands here.
const SBC: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);

/// It names the address that it is told in its description, but sends its audio from where the system has it.
const TELEPHONE: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// Whoever calls Zendesk has a number in E.164.
const CALLER: &str = "+8210444401001";

/// Waits until the far end has long heard nothing more of its greeting.
#[track_caller]
fn hears_nothing(far_end: &FarEnd) {
    const LOOKS: u32 = 100;
    let (mut so_far, mut same) = (far_end.until("there", |_| true).heard.own, 0);
    let found = poll(PATIENCE, || {
        let own = far_end.visits()[0].heard.own;
        same = if core::mem::replace(&mut so_far, own) == own { same + 1 } else { 0 };
        (same >= LOOKS).then_some(())
    });
    assert!(found.is_some(), "the greeting still comes back: {:?}", far_end.visits());
}

#[test]
fn a_telephone_talks_presses_keys_and_hangs_up() {
    if is_missing("baresip", "a_telephone_talks_presses_keys_and_hangs_up") {
        return;
    }
    let sip = SocketAddrV4::new(SBC, ports(2));
    let at = SocketAddrV4::new(ZENDESK, ports(2));
    let uri = format!("sip:support@{at}");
    let mut stage = Stage::build(PROGRAM, &[], &[TELEPHONE], sip, &[Rung::new(at, &uri)]);
    let far_end = FarEnd::taking_addresses(at);
    let telephone = Baresip::start(&Telephone::new(CALLER, TELEPHONE), stage.cast.folder());

    telephone.press(&format!("/dial sip:support@{sip}"));
    // The greeting goes out in PCMA, is heard in PCMU, and comes back.
    far_end.until("heard to echo the greeting", |visit| visit.heard.own >= 50);
    far_end.hears_keys(&telephone);
    telephone.press("/hangup");
    far_end.until("over", |visit| visit.over);
    assert_eq!(far_end.faults(), [""; 0]);
    let log = stage.stop();
    // It opens its streams with something that is no RTP, and that is dropped.
    assert!(log.contains("caller-hung-up") && log.contains(" 0 lost"), "{log}");
}

#[test]
fn keys_that_a_telephone_tells_by_info_are_heard() {
    if is_missing("baresip", "keys_that_a_telephone_tells_by_info_are_heard") {
        return;
    }
    let sip = SocketAddrV4::new(SBC, ports(2));
    let at = SocketAddrV4::new(ZENDESK, ports(2));
    let uri = format!("sip:support@{at}");
    let mut stage = Stage::build(PROGRAM, &[], &[TELEPHONE], sip, &[Rung::new(at, &uri)]);
    let far_end = FarEnd::taking_addresses(at);
    let set = Telephone { keys: "info", ..Telephone::new(CALLER, TELEPHONE) };
    let telephone = Baresip::start(&set, stage.cast.folder());

    telephone.press(&format!("/dial sip:support@{sip}"));
    far_end.until("heard to echo the greeting", |visit| visit.heard.own >= 50);
    far_end.hears_keys(&telephone);
    telephone.press("/hangup");
    far_end.until("over", |visit| visit.over);
    assert_eq!(far_end.faults(), [""; 0]);
    let log = stage.stop();
    assert_eq!(log.matches("the caller has pressed a key").count(), 3, "{log}");
}

/// Which certificate a telephone shows by TLS.
#[derive(Clone, Copy, Debug)]
enum Shows {
    /// One for its address.
    Own,
    /// One of the same authority for somebody else.
    Other,
}

/// An office whose telephones are reached over connections, and a far end like Zendesk's, which is reached by UDP.
struct Office {
    stage: Stage,
    transport: &'static str,
    authority: Authority,
    /// Where telephones find Warmline.
    sip: SocketAddrV4,
    far_end: FarEnd,
    /// The telephone on the desk, where there is one.
    desk: Option<Baresip>,
    /// Whether its telephones speak nothing but SRTP.
    secure: bool,
}

impl Office {
    /// One whose telephones are reached by this transport; by TLS they have to show a certificate for their address.
    /// Line `support` rings Zendesk, and `desk` the telephone 202, which answers by itself where there is one.
    fn open(transport: &'static str, desk: Option<Shows>) -> Self {
        Self::open_with(transport, desk, "off", false)
    }

    /// One of which this is said of SRTP, whose telephones speak nothing else, or do not speak it.
    fn open_with(transport: &'static str, desk: Option<Shows>, srtp: &str, secure: bool) -> Self {
        let (port, tls, media) = (ports(2), ports(2), ports(80));
        let at = SocketAddrV4::new(ZENDESK, ports(2));
        let sip = SocketAddrV4::new(SBC, if transport == "tls" { tls } else { port });
        let cast = Cast::new(sip, at);
        let authority = Authority::new(cast.folder());
        let (own, ca) = (authority.vouch(&SBC.to_string()), authority.own());
        let (own, ca) = (own.display(), ca.display());
        let desk = desk.map(|shows| {
            let set = Telephone { answers: true, secure, ..set("202", transport, &authority, shows) };
            Baresip::start(&set, cast.folder())
        });
        let desk_at = desk.as_ref().map_or(SocketAddrV4::new(TELEPHONE, 9), |desk| desk.sip);
        let certificate = match transport {
            "tls" => format!("ca = \"{ca}\"\ncertificate = \"{TELEPHONE}\""),
            _ => String::new(),
        };
        let configuration = format!(
            r#"
[node]
name     = "office"
capacity = 20

[[interface]]
name        = "floor"
address     = "{SBC}"
listen      = ["udp:{port}", "tcp:{port}", "tls:{tls}"]
media       = "{media}-{last}"
certificate = "{own}"
key         = "{own}"

[[trunk]]
name       = "phones"
kind       = "phones"
transport  = "{transport}"
signalling = ["{TELEPHONE}"]
media      = ["{TELEPHONE}"]
srtp       = "{srtp}"
{certificate}

[[trunk]]
name       = "zendesk"
kind       = "zendesk"
signalling = ["{ZENDESK}"]
media      = ["{ZENDESK}"]

[[target]]
name  = "zendesk-support"
trunk = "zendesk"
uri   = "sip:support@{at}"

[[target]]
name  = "desk-202"
trunk = "phones"
uri   = "sip:202@{desk_at}"

[[line]]
name = "support"
dial = ["support"]
from = ["phones"]
ring = [{{ targets = ["zendesk-support"], for = "20s" }}]

[[line]]
name = "desk"
dial = ["desk"]
from = ["phones"]
ring = [{{ targets = ["desk-202"], for = "20s" }}]
"#,
            last = media + 79,
        );
        let stage = Stage::open(PROGRAM, &[], cast, &configuration);
        Self { stage, transport, authority, sip, far_end: FarEnd::taking_addresses(at), desk, secure }
    }

    /// Switches on the caller's telephone.
    fn caller(&self, shows: Shows) -> Baresip {
        let set = set(CALLER, self.transport, &self.authority, shows);
        Baresip::start(&Telephone { secure: self.secure, ..set }, self.stage.cast.folder())
    }

    /// A telephone dials a line.
    fn dial(&self, telephone: &Baresip, line: &str) {
        telephone.press(&format!("/dial {}", self.uri(line)));
    }

    fn uri(&self, line: &str) -> String {
        // It adds its own transport.
        format!("sip:{line}@{}", self.sip)
    }

    /// Closes it, when nothing is left of its calls. Gives Warmline's log.
    fn close(mut self) -> String {
        assert_eq!(self.far_end.faults(), [""; 0]);
        let log = self.stage.stop();
        assert!(!log.contains("hanging up"), "something was left: {log}");
        log
    }
}

/// How one of its telephones is set.
fn set<'a>(number: &'a str, transport: &'a str, authority: &Authority, shows: Shows) -> Telephone<'a> {
    let name = match shows {
        Shows::Own => TELEPHONE.to_string(),
        Shows::Other => "other.example.com".to_owned(),
    };
    let certificate = (transport == "tls").then(|| authority.vouch(&name));
    Telephone { transport, certificate, ..Telephone::new(number, TELEPHONE) }
}

/// Waits until a telephone was told this in the last answer to an INVITE of its own.
#[track_caller]
fn is_told(telephone: &Baresip, what: &str) {
    let found = poll(PATIENCE, || {
        let written = telephone.program.written();
        let answers =
            written.split("SIP/2.0 ").filter(|text| text.starts_with("200") && text.contains(" INVITE"));
        answers.last().is_some_and(|answer| answer.contains(what)).then_some(())
    });
    assert!(found.is_some(), "the telephone was not told {what}");
}

/// A whole call: it talks, presses keys, holds the call, takes it back and hangs up.
fn whole_call(office: Office) {
    let telephone = office.caller(Shows::Own);
    office.dial(&telephone, "support");
    office.far_end.hears_itself();
    office.far_end.hears_keys(&telephone);
    telephone.press("/hold");
    is_told(&telephone, "a=recvonly");
    hears_nothing(&office.far_end);
    telephone.press("/resume");
    is_told(&telephone, "a=sendrecv");
    telephone.plugs_in_again();
    office.far_end.hears_itself();
    telephone.press("/hangup");
    office.far_end.until("over", |visit| visit.over);
    let log = office.close();
    assert!(log.contains("caller-hung-up") && log.contains(" 0 lost"), "{log}");
}

#[test]
fn a_telephone_talks_and_holds_by_tcp() {
    if is_missing("baresip", "a_telephone_talks_and_holds_by_tcp") {
        return;
    }
    whole_call(Office::open("tcp", None));
}

#[test]
fn a_telephone_talks_and_holds_by_tls() {
    if is_missing("baresip", "a_telephone_talks_and_holds_by_tls") {
        return;
    }
    whole_call(Office::open("tls", None));
}

/// Whoever it called is rung on to the telephone on the desk.
fn passes_on(mut office: Office) {
    let mut telephone = office.caller(Shows::Own);
    office.dial(&telephone, "support");
    office.far_end.hears_itself();
    telephone.press(&format!("/transfer {}", office.uri("desk")));
    // It hangs up when it is told that somebody is there.
    telephone.program.has_written("BYE sip:");
    office.far_end.hears_itself();
    let desk = office.desk.take().expect("there is one");
    desk.press("/hangup");
    office.far_end.until("over", |visit| visit.over);
    let log = office.close();
    assert!(log.contains("stopped after 1 calls") && log.contains("target-hung-up: "), "{log}");
}

/// Whoever called the telephone on the desk is passed on to Zendesk.
fn is_passed_on(mut office: Office) {
    let telephone = office.caller(Shows::Own);
    office.dial(&telephone, "desk");
    let mut desk = office.desk.take().expect("there is one");
    desk.program.has_written("Call established");
    desk.press(&format!("/transfer {}", office.uri("support")));
    desk.program.has_written("BYE sip:");
    office.far_end.hears_itself();
    telephone.press("/hangup");
    office.far_end.until("over", |visit| visit.over);
    let log = office.close();
    assert!(log.contains("stopped after 1 calls") && log.contains("caller-hung-up: "), "{log}");
}

#[test]
fn a_telephone_transfers_whom_it_called() {
    if is_missing("baresip", "a_telephone_transfers_whom_it_called") {
        return;
    }
    for transport in ["tcp", "tls"] {
        passes_on(Office::open(transport, Some(Shows::Own)));
    }
}

#[test]
fn a_telephone_transfers_who_called_it() {
    if is_missing("baresip", "a_telephone_transfers_who_called_it") {
        return;
    }
    for transport in ["tcp", "tls"] {
        is_passed_on(Office::open(transport, Some(Shows::Own)));
    }
}

/// Its leg is secure and Zendesk's is plain; what it presses and holds is heard as ever.
#[test]
fn a_telephone_talks_and_holds_by_srtp() {
    if is_missing("baresip", "a_telephone_talks_and_holds_by_srtp") {
        return;
    }
    for srtp in ["required", "allowed"] {
        whole_call(Office::open_with("tls", None, srtp, true));
    }
}

/// Both legs are secure between telephones; the one on the desk is offered every suite and chooses.
#[test]
fn telephones_transfer_by_srtp() {
    if is_missing("baresip", "telephones_transfer_by_srtp") {
        return;
    }
    passes_on(Office::open_with("tls", Some(Shows::Own), "required", true));
    is_passed_on(Office::open_with("tls", Some(Shows::Own), "required", true));
}

#[test]
fn a_telephone_is_told_what_its_trunk_says_of_srtp() {
    if is_missing("baresip", "a_telephone_is_told_what_its_trunk_says_of_srtp") {
        return;
    }
    let cases =
        [("required", false, "This trunk requires SRTP"), ("off", true, "SRTP is off for this trunk")];
    for (srtp, secure, why) in cases {
        let office = Office::open_with("tls", None, srtp, secure);
        let mut telephone = office.caller(Shows::Own);
        office.dial(&telephone, "support");
        telephone.program.has_written("SIP/2.0 488");
        telephone.program.has_written(why);
        assert!(office.close().contains(why));
    }
    // Where it is allowed, nobody has to.
    whole_call(Office::open_with("tls", None, "allowed", false));
}

#[test]
fn a_telephone_with_another_certificate_is_not_heard() {
    if is_missing("baresip", "a_telephone_with_another_certificate_is_not_heard") {
        return;
    }
    let mut office = Office::open("tls", None);
    let telephone = office.caller(Shows::Other);
    office.dial(&telephone, "support");
    office.stage.warmline.has_written("handshake-failed");
    assert_eq!(office.far_end.visits(), []);
    let log = office.close();
    assert!(log.contains("only valid for DnsName(\"other.example.com\")"), "{log}");
    assert!(log.contains("stopped after 0 calls, 0 SIP messages read"), "{log}");
}

#[test]
fn a_telephone_with_another_certificate_is_not_rung() {
    if is_missing("baresip", "a_telephone_with_another_certificate_is_not_rung") {
        return;
    }
    let mut office = Office::open("tls", Some(Shows::Other));
    let mut telephone = office.caller(Shows::Own);
    office.dial(&telephone, "desk");
    telephone.program.has_written("SIP/2.0 408");
    let desk = office.desk.take().expect("there is one");
    assert!(!desk.program.written().contains("INVITE sip:202@"), "{}", desk.program.written());
    let log = office.close();
    assert!(log.contains("only valid for DnsName(\"other.example.com\")"), "{log}");
}

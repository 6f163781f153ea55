//! Another configuration for a running node: over real sockets, with calls in progress.

use core::net::SocketAddr;
use core::time::Duration;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use warmline::{Node, Options, ReloadError, config};
use warmline_core::reason::Reason;

const NODE: &str = r#"
[node]
capacity = 10
[[interface]]
name    = "loopback"
address = "127.0.0.1"
listen  = ["udp:5060"]
media   = "MEDIA"
[limits]
new_calls = "30/s"
[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["127.0.0.1"]
media      = ["127.0.0.1"]
[[trunk]]
name       = "desk"
kind       = "carrier"
signalling = ["127.0.0.2"]
media      = ["127.0.0.2"]
[[target]]
name  = "agent"
trunk = "desk"
uri   = "sip:agent@DESK"
[[line]]
name = "support"
dial = ["support"]
from = ["ai"]
ring = [{ targets = ["agent"], for = "30s" }]
"#;

const SALES: &str = r#"
[[line]]
name = "sales"
dial = ["sales"]
from = ["ai"]
ring = [{ targets = ["agent"], for = "30s" }]
"#;

/// A telephone on loopback that says one thing at a time.
struct Phone {
    socket: UdpSocket,
    node: SocketAddr,
}

impl Phone {
    fn new(ip: [u8; 4]) -> Self {
        let socket = UdpSocket::bind(SocketAddr::from((ip, 0))).expect("a socket on loopback");
        socket.set_read_timeout(Some(Duration::from_secs(10))).expect("a time to wait");
        Self { socket, node: SocketAddr::from(([127, 0, 0, 1], 5060)) }
    }

    fn at(&self) -> SocketAddr {
        self.socket.local_addr().expect("an address")
    }

    fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.node).expect("loopback takes it");
    }

    /// The next message that begins so; others are passed over.
    fn hear(&self, start: &str) -> String {
        let mut bytes = [0; 4096];
        loop {
            let (len, _) = self.socket.recv_from(&mut bytes).unwrap_or_else(|_| panic!("no {start}"));
            let text = String::from_utf8_lossy(&bytes[..len]).into_owned();
            if text.starts_with(start) {
                return text;
            }
        }
    }

    fn sdp(&self) -> String {
        let ip = self.at().ip();
        format!("v=0\r\no=- 1 1 IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n")
    }

    fn request(&self, method: &str, line: &str, to: &str, number: u32, body: &str) -> String {
        let (at, node) = (self.at(), self.node);
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        format!(
            "{method} sip:{line}@{node} SIP/2.0\r\nVia: SIP/2.0/UDP {at};branch=z9hG4bK{line}{method}{number};rport\r\n\
             From: <sip:+14155550100@{at}>;tag=me{line}\r\nTo: {to}\r\nCall-ID: {line}@{at}\r\nCSeq: {number} {method}\r\n\
             Contact: <sip:me@{at}>\r\nMax-Forwards: 70\r\n{kind}Content-Length: {}\r\n\r\n{body}",
            body.len(),
        )
    }

    fn invite(&self, line: &str) {
        self.send(&self.request("INVITE", line, &format!("<sip:{line}@{}>", self.node), 1, &self.sdp()));
    }

    /// Sends a response to a request, with a tag of its own.
    fn respond(&self, request: &str, status: &str, body: &str) {
        let copied: Vec<_> = request
            .lines()
            .filter(|line| ["Via:", "From:", "Call-ID:", "CSeq:"].iter().any(|name| line.starts_with(name)))
            .collect();
        let to = header(request, "To");
        let to = if to.contains(";tag=") { to.to_owned() } else { format!("{to};tag=desk") };
        self.send(&format!(
            "SIP/2.0 {status}\r\n{}\r\nTo: {to}\r\nContact: <sip:agent@{}>\r\nContent-Type: application/sdp\r\n\
             Content-Length: {}\r\n\r\n{body}",
            copied.join("\r\n"),
            self.at(),
            body.len(),
        ));
    }
}

fn header<'m>(message: &'m str, name: &str) -> &'m str {
    let value = message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    value.unwrap_or_else(|| panic!("no {name} in {message}"))
}

/// A node, who calls it, and who is rung.
struct Scene {
    node: Node,
    file: String,
    ai: Phone,
    desk: Phone,
}

impl Scene {
    fn new(media: &str) -> Self {
        let (mut ai, mut desk) = (Phone::new([127, 0, 0, 1]), Phone::new([127, 0, 0, 2]));
        let file = NODE.replace("MEDIA", media).replace("DESK", &desk.at().to_string());
        let loaded = config::parse("test", &file).expect("a sound configuration");
        let node = Node::start(loaded, Options { next_free_port: true, ..Options::default() })
            .expect("a node starts");
        (ai.node, desk.node) = (node.addresses()[0], node.addresses()[0]);
        Self { node, file, ai, desk }
    }

    async fn reload(&self, file: &str) -> Result<String, ReloadError> {
        let loaded = config::parse("test", file).expect("a sound configuration");
        self.node.reload(loaded).await.map(|changes| changes.to_string())
    }

    /// Has the line answer; gives the To of the caller's dialog.
    fn call(&self, line: &str) -> String {
        self.ai.invite(line);
        let invite = self.desk.hear("INVITE");
        self.desk.respond(&invite, "200 OK", &self.desk.sdp());
        self.desk.hear("ACK");
        let answer = self.ai.hear("SIP/2.0 200");
        let to = header(&answer, "To").to_owned();
        self.ai.send(&self.ai.request("ACK", line, &to, 1, ""));
        to
    }
}

#[tokio::test]
async fn a_line_is_added_while_a_call_goes_on() {
    let scene = Scene::new("31000-31099");
    let to = scene.call("support");
    scene.ai.invite("sales");
    scene.ai.hear("SIP/2.0 404");
    let changes = scene.reload(&format!("{}{SALES}", scene.file)).await;
    assert_eq!(changes.as_deref(), Ok("added: line \"sales\""));
    scene.ai.invite("sales2");
    scene.ai.hear("SIP/2.0 404");
    scene.ai.send(&scene.ai.request("BYE", "support", &to, 2, ""));
    assert!(scene.desk.hear("BYE").contains("CSeq"));
    scene.ai.hear("SIP/2.0 200");
    let again = scene.reload(&scene.file.replace("for = \"30s\"", "for = \"20s\"")).await;
    assert_eq!(again.as_deref(), Ok("removed: line \"sales\"; changed: line \"support\""));
    let same = scene.reload(&scene.file.replace("for = \"30s\"", "for = \"20s\"")).await;
    assert_eq!(same.as_deref(), Ok("no trunk, target or line is another than before"));
}

#[tokio::test]
async fn a_trunk_that_is_gone_takes_its_calls_with_it() {
    let scene = Scene::new("31100-31199");
    scene.call("support");
    let at = scene.desk.at().to_string();
    let file = scene.file.replace("\"desk\"", "\"other\"").replace("127.0.0.2\"", "127.0.0.3\"");
    let changes = scene.reload(&file.replace(&at, "127.0.0.3")).await;
    assert_eq!(
        changes.as_deref(),
        Ok("added: trunk \"other\"; removed: trunk \"desk\"; changed: target \"agent\"")
    );
    let bye = scene.ai.hear("BYE");
    scene.ai.respond(&bye, "200 OK", "");
    scene.desk.hear("BYE");
    assert_eq!(scene.node.counters().get(Reason::UnknownSource), 0);
    scene.desk.invite("support");
    for _ in 0..100 {
        if scene.node.counters().get(Reason::UnknownSource) == 1 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("it is still known");
}

/// A scene whose desk is a registrar too, where the node has registered; and the file without that.
fn registered(media: &str) -> (Scene, String) {
    let (mut ai, mut desk) = (Phone::new([127, 0, 0, 1]), Phone::new([127, 0, 0, 2]));
    let file = NODE.replace("MEDIA", media).replace("DESK", &desk.at().to_string());
    let kind = "kind       = \"carrier\"\n";
    let register = format!(
        "{kind}register = {{ uri = \"sip:{}\", username = \"warm\", password = \"p\" }}\n",
        desk.at()
    );
    let with = file.replace(kind, &register);
    let loaded = config::parse("test", &with).expect("a sound configuration");
    let node =
        Node::start(loaded, Options { next_free_port: true, ..Options::default() }).expect("a node starts");
    (ai.node, desk.node) = (node.addresses()[0], node.addresses()[0]);
    let first = desk.hear("REGISTER");
    assert_eq!(header(&first, "Expires"), "3600");
    desk.respond(&first, "200 OK", "");
    (Scene { node, file: with, ai, desk }, file)
}

#[tokio::test]
async fn a_registration_that_is_gone_is_given_back_first() {
    let (scene, without) = registered("31500-31599");
    // One that stays is not touched: the next that the desk hears is a call.
    let changes = scene.reload(&format!("{}{SALES}", scene.file)).await;
    assert_eq!(changes.as_deref(), Ok("added: line \"sales\""));
    let to = scene.call("sales");
    scene.ai.send(&scene.ai.request("BYE", "sales", &to, 2, ""));
    let bye = scene.desk.hear("");
    assert!(bye.starts_with("BYE"), "{bye}");
    scene.desk.respond(&bye, "200 OK", "");
    let answers = async {
        let last = scene.desk.hear("REGISTER");
        assert_eq!(header(&last, "Expires"), "0");
        scene.desk.respond(&last, "200 OK", "");
    };
    let (changes, ()) = tokio::join!(scene.reload(&without), answers);
    assert_eq!(changes.as_deref(), Ok("removed: line \"sales\"; changed: trunk \"desk\""));
}

#[tokio::test]
async fn a_dead_registrar_does_not_hold_up_another_configuration() {
    let (scene, without) = registered("31600-31699");
    // It is the next that counts, and what the one before had to say is said.
    let more = format!("{without}{SALES}");
    let (first, second) = tokio::join!(scene.reload(&without), scene.reload(&more));
    assert_eq!(first.as_deref(), Ok("changed: trunk \"desk\""));
    assert_eq!(second.as_deref(), Ok("added: line \"sales\""));
    let changes = scene.reload(&scene.file).await;
    assert_eq!(changes.as_deref(), Ok("removed: line \"sales\"; changed: trunk \"desk\""));
    let again = scene.desk.hear("REGISTER");
    let again = if header(&again, "Expires") == "0" { scene.desk.hear("REGISTER") } else { again };
    assert_eq!(header(&again, "Expires"), "3600");
    scene.desk.respond(&again, "200 OK", "");
    // It does not answer any more.
    let changes = scene.reload(&without).await;
    assert_eq!(changes.as_deref(), Ok("changed: trunk \"desk\""));
    let last = scene.desk.hear("REGISTER");
    assert_eq!(header(&last, "Expires"), "0");
    scene.call("support");
}

#[tokio::test]
async fn what_takes_a_restart_is_refused_as_a_whole() {
    let scene = Scene::new("31200-31299");
    let file = scene
        .file
        .replace("capacity = 10", "capacity = 11")
        .replace("30/s", "31/s")
        .replace("31299", "31297")
        .replace("udp:5060", "udp:5099")
        .replace("address = \"127.0.0.1\"", "address = \"127.0.0.1\"\nadvertise = \"127.0.0.4\"");
    let refused = scene.reload(&format!("{file}{SALES}\n[media]\nworkers = 3\n")).await;
    let why = refused.expect_err("it takes a restart").to_string();
    for key in [
        "node.capacity was 10 and is 11 now",
        "media.workers was ",
        "limits.new_calls is 31/s, and memory was made for 30/s",
        "advertise of [[interface]] \"loopback\" was 127.0.0.1 and is 127.0.0.4 now",
        "media of [[interface]] \"loopback\" was 31200-31299 and is 31200-31297 now",
        "listen of [[interface]] \"loopback\" was udp:5060 and is udp:5099 now",
    ] {
        assert!(why.contains(key), "{key}: {why}");
    }
    scene.ai.invite("sales");
    scene.ai.hear("SIP/2.0 404");
    let trunk =
        |n| format!("[[trunk]]\nname = \"t{n}\"\nkind = \"carrier\"\nsignalling = [\"198.51.100.{n}\"]\n");
    let many = |most| (3..=most).map(trunk).collect::<String>();
    assert!(scene.reload(&format!("{}{}", scene.file, many(64))).await.is_ok());
    let why = scene.reload(&format!("{}{}", scene.file, many(65))).await.expect_err("too many").to_string();
    assert_eq!(why, "this takes a restart: [[trunk]]: there are 65, and memory was made for 64");
}

/// The program, ended with this.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_file_with_mistakes_changes_nothing_and_says_why() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reload");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    let file = NODE.replace("MEDIA", "31300-31399").replace("DESK", "127.0.0.2:5080");
    let free = Phone::new([127, 0, 0, 1]).at().port();
    let file = file.replace("udp:5060", &format!("udp:{free}"));
    let write = |text: &str| fs::write(folder.join("w.toml"), text).expect("a file");
    write(&file);
    let program = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_warmline"));
        command.current_dir(&folder);
        command
    };
    let run = ["run", "--config", "w.toml", "--pid-file", "w.pid"];
    let mut child = program()
        .args(run)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map(Program)
        .expect("the program runs");
    let mut said = BufReader::new(child.0.stdout.take().expect("a pipe")).lines();
    let log = BufReader::new(child.0.stderr.take().expect("a pipe")).lines();
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || log.map_while(Result::ok).try_for_each(|line| tell.send(line)));
    assert!(said.next().expect("a line").expect("text").contains("listens on"));
    while !folder.join("w.pid").exists() {
        std::thread::sleep(Duration::from_millis(10));
    }
    let reload = |args: &[&str]| program().arg("reload").args(args).status().expect("it runs").success();

    write(&file.replace("from = [\"ai\"]", "from = [\"aj\"]").replace("dial =", "dail ="));
    assert!(reload(&["--pid-file", "w.pid"]));
    let next = |text: &str| {
        while !told.recv_timeout(Duration::from_secs(20)).expect(text).contains(text) {}
    };
    next("w.toml is not reloaded, everything stays as it was");
    next("w.toml:27:1:");
    next("w.toml:28:9:");
    write(&format!("{file}{SALES}"));
    assert!(reload(&["--pid", &child.0.id().to_string()]));
    next("w.toml is reloaded: added: line \"sales\"");
    assert!(!reload(&["--pid-file", "nowhere.pid"]) && !reload(&["--pid", "-1"]) && !reload(&[]));
}

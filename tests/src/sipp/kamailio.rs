//! Kamailio as a proxy between Warmline and whom it rings.

use core::net::SocketAddrV4;
use std::path::Path;
use std::process::Command;

use super::{PATIENCE, Program};

/// What it does with an INVITE.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Branches {
    /// Rings both at once.
    Both,
    /// Rings the second when the first refuses.
    InTurn,
}

/// A running Kamailio, which records itself in the route of every call.
#[derive(Debug)]
pub struct Kamailio(Program);

impl Kamailio {
    /// Starts it at `at`, before two who are rung.
    ///
    /// # Panics
    /// When it does not listen.
    pub fn start(at: SocketAddrV4, branches: Branches, rung: [SocketAddrV4; 2], folder: &Path) -> Self {
        let file = folder.join("kamailio.cfg");
        std::fs::write(&file, configuration(at, branches, rung)).expect("a file can be written");
        let mut command = Command::new("kamailio");
        command.args(["-DD", "-E", "-m", "32", "-M", "4"]).arg("-Y").arg(folder).arg("-f").arg(&file);
        let program = Program::start("kamailio", command, folder);
        super::ports::listens(at.port(), "kamailio");
        Self(program)
    }
}

impl Drop for Kamailio {
    fn drop(&mut self) {
        // Told, not killed, so that it ends the processes of its own.
        if self.0.ended().is_none() {
            self.0.terminate();
            if std::thread::panicking() {
                // Its own end is not what is wrong.
                let _ = super::poll(PATIENCE, || self.0.ended());
            } else {
                self.0.end(PATIENCE);
            }
        }
    }
}

fn configuration(at: SocketAddrV4, branches: Branches, [first, second]: [SocketAddrV4; 2]) -> String {
    let fork = match branches {
        Branches::Both => format!("append_branch(\"sip:support@{second}\");"),
        Branches::InTurn => "t_on_failure(\"NEXT\");".to_owned(),
    };
    format!(
        r#"
debug=1
log_stderror=yes
fork=yes
# With one, nothing overtakes: SIPp does not bear a BYE before the ACK.
children=1
disable_tcp=yes
auto_aliases=no
listen=udp:{at}

loadmodule "tm.so"
loadmodule "sl.so"
loadmodule "rr.so"
loadmodule "pv.so"
loadmodule "maxfwd.so"
loadmodule "textops.so"
loadmodule "siputils.so"
loadmodule "corex.so"

request_route {{
    if (!mf_process_maxfwd_header("20")) {{
        sl_send_reply("483", "Too Many Hops");
        exit;
    }}
    if (is_method("CANCEL")) {{
        if (t_check_trans()) {{
            t_relay();
        }}
        exit;
    }}
    if (has_totag()) {{
        if (loose_route()) {{
            t_relay();
            exit;
        }}
        if (is_method("ACK")) {{
            if (t_check_trans()) {{
                t_relay();
            }}
            exit;
        }}
        sl_send_reply("404", "Not Here Without a Route");
        exit;
    }}
    t_check_trans();
    if (!is_method("INVITE")) {{
        sl_send_reply("405", "Method Not Allowed");
        exit;
    }}
    record_route();
    $ru = "sip:support@{first}";
    {fork}
    t_relay();
}}

failure_route[NEXT] {{
    if (t_is_canceled()) {{
        exit;
    }}
    $ru = "sip:support@{second}";
    t_relay();
}}
"#
    )
}

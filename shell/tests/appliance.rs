//! `warmline appliance`, as it is typed: files in, files out.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use warmline_core::image::{self, Network, Tables};

const FILE: &str = r#"[appliance]
address = "192.0.2.10/24"
gateway = "192.0.2.1"
dns     = ["192.0.2.1"]

[[interface]]
name    = "lan"
address = "192.0.2.10"

[[trunk]]
name = "zendesk"
kind = "zendesk"

[[trunk]]
name       = "ai"
kind       = "ai"
signalling = ["198.51.100.0/24"]

[[target]]
name  = "zendesk-support"
trunk = "zendesk"
uri   = "sip:support@acme.sip.twilio.com"

[[line]]
name = "support"
dial = ["support", "+8225550100"]
from = ["ai"]
ring = [{ targets = ["zendesk-support"], for = "30s" }]
"#;

/// An empty folder of this name, with the file in it.
fn folder(name: &str, file: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("appliance").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("warmline.toml"), file).expect("a file");
    folder
}

/// What the command says when it works; or else what it says of why not.
fn warmline(folder: &Path, line: &str) -> Result<String, String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_warmline"));
    let output = command.args(line.split(' ')).current_dir(folder).output().expect("the program runs");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder").flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn what_is_built_is_what_a_board_reads() {
    let folder = folder("built", FILE);
    let said = warmline(&folder, "appliance build warmline.toml --board mps2-an386 -o config.bin");
    let bytes = fs::read(folder.join("config.bin")).expect("an image");
    assert_eq!(
        said.expect("it is built"),
        format!(
            "config.bin: written for mps2-an386, {} of the 1048576 bytes kept for it\n\
             2 trunks, 1 target, 1 line; at most 16 calls at once, 2 new calls a second\n\
             address 192.0.2.10/24, gateway 192.0.2.1, DNS 192.0.2.1, no time of day\n\
             to start QEMU's mps2-an386 with it, add: \
             -device loader,file=config.bin,addr=0x00300000,force-raw=on\n",
            bytes.len()
        )
    );
    assert_eq!(names(&folder), ["config.bin", "warmline.toml"]);
    let mut tables = Tables::new();
    let appliance = image::read(&bytes, &mut tables).expect("a sound image");
    let network =
        Network::Static { address: [192, 0, 2, 10].into(), prefix: 24, gateway: Some([192, 0, 2, 1].into()) };
    assert_eq!((appliance.network, appliance.calls), (network, 16));
    let config = tables.lend();
    assert_eq!((config.trunks.len(), config.sources.len(), config.dials.len()), (2, 9, 2));
    assert_eq!(config.text(config.targets[0].uri), b"sip:support@acme.sip.twilio.com");
}

#[test]
fn an_image_can_be_looked_into() {
    let folder = folder("shown", &FILE.replace("[[interface]]", "ntp = \"192.0.2.123\"\n[[interface]]"));
    warmline(&folder, "appliance build --board nucleo-h743zi -o n.bin").expect("it is built");
    // As it is read back from flash.
    let mut bytes = fs::read(folder.join("n.bin")).expect("an image");
    bytes.resize(32_768, 0xff);
    fs::write(folder.join("flash.bin"), &bytes).expect("a file");
    assert_eq!(
        warmline(&folder, "appliance show flash.bin").expect("it is shown"),
        "flash.bin: an image of format 7, whole by its checksum; it fits nucleo-h743zi\n\
         node \"warmline\": 32 calls at once, 4 new calls a second, 1 relay workers\n\
         appliance: address 192.0.2.10/24, gateway 192.0.2.1, DNS 192.0.2.1, time of day from 192.0.2.123\n\
         interface \"lan\": 192.0.2.10, SIP on udp:5060, media on 20000-20255\n\
         trunk \"zendesk\": zendesk, 8 source ranges, at most 32 calls\n\
         trunk \"ai\": ai, 1 source ranges, at most 32 calls\n\
         target \"zendesk-support\": sip:support@acme.sip.twilio.com through zendesk\n\
         line \"support\": dialled as support +8225550100 from ai, rings zendesk-support for 30 s\n"
    );
    bytes[20] ^= 1;
    fs::write(folder.join("flash.bin"), &bytes).expect("a file");
    assert_eq!(
        warmline(&folder, "appliance show flash.bin").expect_err("it is changed"),
        "flash.bin: the configuration is not as it was built, by its checksum: write it again\n"
    );
    assert_eq!(
        warmline(&folder, "appliance show warmline.toml").expect_err("it is none"),
        "warmline.toml: this is no image; `warmline appliance build` makes one\n"
    );
}

#[test]
fn what_does_not_fit_leaves_everything_as_it_was() {
    let folder = folder("refused", &FILE.replace("[[interface]]", "[node]\ncapacity = 20\n[[interface]]"));
    fs::write(folder.join("config.bin"), "as before").expect("a file");
    assert_eq!(
        warmline(&folder, "appliance build --board mps2-an386").expect_err("it does not fit"),
        "warmline.toml:7:12: 20 calls at once, but mps2-an386 takes at most 16\n"
    );
    let error = warmline(&folder, "appliance build --board mps2-an385").expect_err("there is none");
    let expected = "did you mean \"mps2-an386\"? the boards are mps2-an386, mps2-an500, nucleo-h743zi";
    assert!(error.contains(expected), "{error}");
    let error = warmline(&folder, "appliance build --board nucleo-h743zi -o no/where.bin");
    assert!(error.expect_err("no such folder").starts_with("no/where.bin cannot be written: "));
    let error = warmline(&folder, "appliance build --board nucleo-h743zi -o ../refused/.");
    assert!(error.expect_err("a folder").contains(" cannot be written: "));
    assert_eq!(names(&folder), ["config.bin", "warmline.toml"]);
    assert_eq!(fs::read(folder.join("config.bin")).expect("the file"), b"as before");
    warmline(&folder, "appliance build --board nucleo-h743zi").expect("it fits this one");
    assert_ne!(fs::read(folder.join("config.bin")).expect("the file"), b"as before");
    assert_eq!(names(&folder), ["config.bin", "warmline.toml"]);
}

#[test]
fn a_check_says_which_boards_have_room() {
    let folder =
        folder("checked", &FILE.replace("[[interface]]", "[limits]\nnew_calls = \"3/s\"\n[[interface]]"));
    let said = warmline(&folder, "check").expect("it is sound");
    assert_eq!(
        said.lines().nth(2),
        Some("appliance: address 192.0.2.10/24, gateway 192.0.2.1, DNS 192.0.2.1, no time of day")
    );
    let boards: Vec<_> = said.lines().skip_while(|line| !line.starts_with("board ")).collect();
    let [an386, why, an500, _, nucleo] = boards.as_slice() else { panic!("{said}") };
    assert_eq!(*an386, "board mps2-an386: has no room for it");
    assert_eq!(*why, "warmline.toml:7:13: 3 new calls a second, but mps2-an386 takes at most 2");
    assert_eq!(*an500, "board mps2-an500: has no room for it");
    assert!(nucleo.starts_with("board nucleo-h743zi: has room for it, "), "{nucleo}");
    // A server's file says nothing of boards.
    let interface = "[[interface]]\nname = \"a\"\naddress = \"127.0.0.1\"\n";
    let rest = &FILE[FILE.find("[[trunk]]").expect("trunks")..];
    fs::write(folder.join("warmline.toml"), format!("{interface}{rest}")).expect("a file");
    let said = warmline(&folder, "check").expect("it is sound");
    assert!(!said.contains("board"), "{said}");
    let error = warmline(&folder, "appliance build --board mps2-an386").expect_err("it is a server's");
    assert_eq!(
        error.lines().next(),
        Some("warmline.toml:1:1: there is no [appliance]: say how the board is connected")
    );
}

#[test]
fn a_server_is_not_leased_an_address() {
    let file = FILE
        .replace("address = \"192.0.2.10\"", "address = \"0.0.0.0\"")
        .replace("\"192.0.2.10/24\"\ngateway = \"192.0.2.1\"\ndns     = [\"192.0.2.1\"]", "\"dhcp\"");
    let folder = folder("leased", &file);
    warmline(&folder, "appliance build --board mps2-an386").expect("a board is");
    let error = warmline(&folder, "run --config warmline.toml").expect_err("it has no address");
    assert_eq!(
        error,
        "warmline: interface \"lan\" has no address to tell peers: by [appliance] it is for a board, which is leased one. \
         To run it here, say \"advertise\" in that interface; for a board, use `warmline appliance build`\n"
    );
}

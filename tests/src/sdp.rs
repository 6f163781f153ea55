//! Session descriptions as the peers write and read them.

use core::net::SocketAddr;

use crate::keys::Line;

/// What a description says, as far as the peers look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The id and version of the o= line.
    pub origin: (u64, u64),
    /// The address of the c= line.
    pub address: String,
    /// Kind, port and formats of each m= line.
    pub media: Vec<(String, u16, Vec<u8>)>,
    /// Whether the audio is of RTP/SAVP.
    pub secure: bool,
    /// Its `crypto` attributes.
    pub crypto: Vec<Line>,
    /// The direction attribute.
    pub direction: String,
    /// All but the o= line.
    pub rest: String,
}

impl Description {
    /// Holds it against the one of the same session before (RFC 3264 section 8). After a restart the version may have
    /// leapt.
    pub(crate) fn follows(&self, old: &Self, leaps: bool) -> Result<(), String> {
        let same = old.rest == self.rest;
        let next = if same { old.origin } else { (old.origin.0, old.origin.1 + 1) };
        let leapt = leaps && self.origin.0 == next.0 && self.origin.1 >= next.1;
        if self.origin == next || leapt {
            return Ok(());
        }
        Err(format!(
            "RFC 3264 8: origin {:?} then {:?}, and the description is {}",
            old.origin,
            self.origin,
            if same { "the same" } else { "another" }
        ))
    }

    /// Reads a description strictly.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut lines: Vec<&str> = text.split("\r\n").collect();
        if lines.pop() != Some("") {
            return Err("SDP does not end with a line end".into());
        }
        let order: String = lines.iter().filter_map(|line| line.chars().next()).collect();
        if !order.starts_with("vosct") || lines[0] != "v=0" {
            return Err(format!("SDP lines are in the order {order}"));
        }
        let origin: Vec<&str> = lines[1][2..].split(' ').collect();
        if origin.len() != 6 {
            return Err(format!("bad origin {}", lines[1]));
        }
        let number = |text: &str| text.parse::<u64>().map_err(|_| format!("bad origin {text}"));
        let origin = (number(origin[1])?, number(origin[2])?);
        let address = lines[3].rsplit(' ').next().unwrap_or_default().to_owned();
        let mut media = Vec::new();
        let (mut secure, mut crypto) = (false, Vec::new());
        let mut direction = "sendrecv".to_owned();
        for line in &lines[5..] {
            if let Some(m) = line.strip_prefix("m=") {
                let fields: Vec<&str> = m.split(' ').collect();
                if fields.len() < 4 {
                    return Err(format!("bad m= line {line}"));
                }
                let port = fields[1].parse().map_err(|_| format!("bad port in {line}"))?;
                secure |= fields[2] == "RTP/SAVP";
                let formats = fields[3..].iter().filter_map(|format| format.parse().ok()).collect();
                media.push((fields[0].to_owned(), port, formats));
            } else if let Some(word @ ("sendrecv" | "sendonly" | "recvonly" | "inactive")) =
                line.strip_prefix("a=")
            {
                direction = word.to_owned();
            } else if let Some(value) = line.strip_prefix("a=crypto:") {
                crypto.push(Line::parse(value)?);
            }
        }
        let rest = text.lines().filter(|line| !line.starts_with("o=")).collect::<Vec<_>>().join("\n");
        Ok(Self { origin, address, media, secure, crypto, direction, rest })
    }

    /// The audio section that is taken.
    pub fn audio(&self) -> Option<&(String, u16, Vec<u8>)> {
        self.media.iter().find(|media| media.0 == "audio" && media.1 != 0)
    }
}

/// Writes a description of one audio section with `formats`, and a video section before it where `video` says so.
pub(crate) fn describe(at: SocketAddr, version: u64, formats: &[u8], direction: &str, video: bool) -> String {
    let ip = at.ip();
    let mut text = format!("v=0\r\no=peer 7 {version} IN IP4 {ip}\r\ns=rig\r\nc=IN IP4 {ip}\r\nt=0 0\r\n");
    if video {
        text.push_str("m=video 40000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n");
    }
    text.push_str(&format!("m=audio {} RTP/AVP", at.port()));
    for format in formats {
        text.push_str(&format!(" {format}"));
    }
    text.push_str("\r\n");
    for format in formats {
        let name = match format {
            0 => "PCMU/8000",
            8 => "PCMA/8000",
            9 => "G722/8000",
            _ => "telephone-event/8000",
        };
        text.push_str(&format!("a=rtpmap:{format} {name}\r\n"));
    }
    text.push_str(&format!("a=ptime:20\r\na={direction}\r\n"));
    text
}

//! What somebody knows of a transfer that it asked for by REFER: the answer, and what NOTIFYs say of it (RFC 3515).

use crate::text::Text;

/// A transfer, for the one who asks for it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Referrer {
    /// When the REFER went out.
    pub asked: Option<u64>,
    /// What was answered to it; 0 where nobody did.
    pub answer: Option<u16>,
    /// The statuses that were told.
    pub told: Vec<u16>,
    /// Whether the last one was told.
    pub over: bool,
    /// The number of the latest NOTIFY.
    number: u32,
}

impl Referrer {
    /// Takes in a NOTIFY that was not seen before; what it is answered with.
    pub(crate) fn hear(&mut self, notify: &Text<'_>) -> Result<u16, String> {
        let (number, _) = notify.cseq().ok_or("no CSeq")?;
        if self.asked.is_none() {
            return Err("a NOTIFY of nothing".into());
        }
        if number <= self.number {
            return Ok(500);
        }
        self.number = number;
        if self.over {
            return Err("a NOTIFY after the last one".into());
        }
        if !notify.one("Event")?.starts_with("refer")
            || notify.one("Content-Type")? != "message/sipfrag;version=2.0"
        {
            return Err(format!("a NOTIFY of {:?} in {:?}", notify.get("Event"), notify.get("Content-Type")));
        }
        notify.one("Contact")?;
        let status = notify.body.strip_prefix("SIP/2.0 ").and_then(|line| line.get(..3)?.parse().ok());
        let status: u16 = status.ok_or_else(|| format!("told {:?}", notify.body))?;
        match notify.one("Subscription-State")? {
            "terminated;reason=noresource" if status >= 200 => self.over = true,
            state if status < 200 && state.starts_with("active;expires=") => {}
            state => return Err(format!("told {status} and {state}")),
        }
        if matches!(status, 401 | 407) {
            return Err(format!("told {status}, which is not its business"));
        }
        self.told.push(status);
        Ok(200)
    }

    /// Whether the transfer is done, or never was.
    pub fn succeeded(&self) -> bool {
        self.told.last() == Some(&200)
    }
}

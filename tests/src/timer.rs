//! A peer's session timer (RFC 4028), by its call's plan and on its own.

use crate::plan::Timers;
use crate::text::{Text, param};

/// One side's timer.
#[derive(Debug, Default)]
pub(crate) struct Timer {
    plan: Option<Timers>,
    /// When it sends a refresh, and when it would give the session up.
    refresh_at: Option<u64>,
    expires_at: Option<u64>,
    /// The branch of the refresh that is out.
    pub(crate) branch: String,
    /// How often the session was refreshed, by whomever.
    pub(crate) refreshed: u32,
    /// How often two INVITEs met.
    pub(crate) met: u32,
    /// When it dies, and whether it has.
    dies_at: Option<u64>,
    pub(crate) dead: bool,
}

impl Timer {
    pub(crate) fn new(plan: Option<Timers>) -> Self {
        Self { plan, ..Self::default() }
    }

    /// What a request of the peer's says.
    pub(crate) fn asks(&self) -> String {
        let Some(plan) = self.plan else { return String::new() };
        let refresher = if plan.we_refresh { "uas" } else { "uac" };
        format!("{}Session-Expires: {};refresher={refresher}\r\n", self.knows(), plan.interval)
    }

    /// What a 2xx of the peer's says.
    pub(crate) fn tells(&self) -> String {
        let Some(plan) = self.plan else { return String::new() };
        let refresher = if plan.we_refresh { "uac" } else { "uas" };
        format!(
            "{}Require: timer\r\nSession-Expires: {};refresher={refresher}\r\n",
            self.knows(),
            plan.interval
        )
    }

    fn knows(&self) -> String {
        let update = if self.plan.is_some_and(|plan| plan.updates) { ", UPDATE" } else { "" };
        format!("Supported: timer\r\nAllow: INVITE, ACK, CANCEL, BYE{update}\r\n")
    }

    /// The method of its refreshes.
    pub(crate) fn method(&self) -> &'static str {
        if self.plan.is_some_and(|plan| plan.updates) { "UPDATE" } else { "INVITE" }
    }

    /// The session lasts one interval from now.
    pub(crate) fn begin(&mut self, now: u64) {
        let Some(plan) = self.plan else { return };
        let interval = u64::from(plan.interval) * 1_000_000;
        if plan.dies {
            self.dies_at.get_or_insert(now + 2_000_000);
        }
        self.refresh_at = (!plan.we_refresh || plan.meets).then_some(now + interval / 2);
        self.expires_at = plan.we_refresh.then(|| now + interval - (interval / 3).min(32_000_000));
    }

    /// A 2xx to a request of the peer's.
    pub(crate) fn told(&mut self, now: u64, response: &Text<'_>) -> Result<(), String> {
        let Some(plan) = self.plan else {
            return match response.get("Session-Expires") {
                None => Ok(()),
                Some(expires) => Err(format!("a timer that nobody asked for: {expires}")),
            };
        };
        let refresher = if plan.we_refresh { "uas" } else { "uac" };
        let told = response.one("Session-Expires")?;
        if told != format!("{};refresher={refresher}", plan.interval) || response.one("Require")? != "timer" {
            return Err(format!("a timer of {told} when {} by {refresher} was asked for", plan.interval));
        }
        self.begin(now);
        Ok(())
    }

    /// A request of ours that is to be accepted.
    pub(crate) fn asked(&mut self, now: u64, request: &Text<'_>) -> Result<(), String> {
        let plan = self.plan.ok_or_else(|| format!("{} where there is no timer", request.start))?;
        if !plan.we_refresh {
            return Err(format!("{} where the peer refreshes", request.start));
        }
        if request.one("Session-Expires")? != format!("{};refresher=uac", plan.interval) {
            return Err(format!("asked for {:?}", request.get("Session-Expires")));
        }
        if request.method() != self.method() {
            return Err(format!("{} and not {}", request.method(), self.method()));
        }
        if !request.all("Supported").any(|supported| supported.contains("timer")) {
            return Err("a refresh without Supported: timer".into());
        }
        self.refreshed += 1;
        self.begin(now);
        Ok(())
    }

    /// Its own refresh was accepted, or is to be tried again after so many microseconds.
    pub(crate) fn heard(&mut self, now: u64, response: &Text<'_>, wait: u64) -> Result<(), String> {
        self.branch.clear();
        match response.status() {
            Some(200) => {
                self.refreshed += 1;
                self.told(now, response)
            }
            Some(491) => {
                self.met += 1;
                self.refresh_at = Some(now + wait);
                Ok(())
            }
            // It is being ended.
            Some(481 | 487 | 500) => Ok(()),
            _ => Err(format!("a refresh got {}", response.start)),
        }
    }

    pub(crate) fn next(&self) -> Option<u64> {
        if self.dead {
            return None;
        }
        [self.refresh_at, self.expires_at, self.dies_at].into_iter().flatten().min()
    }

    /// Whether a refresh is due; it is wrong when we should have sent one.
    pub(crate) fn tick(&mut self, now: u64) -> Result<bool, String> {
        let due = |at: &mut Option<u64>| at.take_if(|at| *at <= now).is_some();
        if due(&mut self.dies_at) {
            self.dead = true;
            return Ok(false);
        }
        if due(&mut self.expires_at) {
            return Err(format!("not refreshed in time; {} times before", self.refreshed));
        }
        Ok(due(&mut self.refresh_at) && self.branch.is_empty())
    }

    /// The dialog is over.
    pub(crate) fn stop(&mut self) {
        (self.refresh_at, self.expires_at, self.dies_at) = (None, None, None);
    }
}

/// What an INVITE of ours asks of a target.
pub(crate) fn asks_for_a_timer(invite: &Text<'_>) -> Result<(), String> {
    let expires = invite.one("Session-Expires")?;
    if expires != "1800" || param(expires, "refresher").is_some() {
        return Err(format!("Session-Expires {expires}"));
    }
    match invite.all("Supported").any(|supported| supported.contains("timer")) {
        true => Ok(()),
        false => Err("Session-Expires without Supported: timer".into()),
    }
}

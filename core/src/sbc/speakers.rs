//! Which of several trunks speaks, where they have the same addresses: a carrier and Zendesk may both be Twilio's.
//!
//! A message of a dialog is its leg's trunk's. Any other is that of the trunk whose user it has the credentials of, or
//! else of the first one that may dial what it dials.

use crate::call;
use crate::config::{Config, TrunkIndex, TrunkKind};
use crate::sip::{Message, Method, Name};

use super::dialogs::{our_branch, parse_hex};
use super::{Admitted, Sbc, proof};

impl Sbc<'_> {
    /// The sender of a message, with the trunk that it speaks for: the one it was admitted as, unless several trunks
    /// speak from its address.
    pub fn speaker(&self, config: &Config<'_>, from: Admitted, message: &Message<'_>) -> Admitted {
        if from.in_calls_only || usize::from(from.source) < config.trunks.len() {
            return from;
        }
        let of_dialog = || self.of_dialog(config, from.source, message);
        let found = of_dialog().or_else(|| match message.method() {
            Some(method) => by_condition(config, &from, message, method),
            None => self.of_request(config, from.source, message),
        });
        Admitted { trunk: found.unwrap_or(from.trunk), ..from }
    }

    /// The trunk of the leg whose dialog a message is in, or names: all of these have a tag of ours.
    fn of_dialog(&self, config: &Config<'_>, source: u16, message: &Message<'_>) -> Option<TrunkIndex> {
        let e = message.essentials().ok()?;
        let ours = if message.method().is_some() { e.to.tag() } else { e.from.tag() };
        let named = [Name::TargetDialog, Name::Replaces].into_iter().filter_map(|name| message.header(name));
        let named = named
            .flat_map(|value| value.split(|&byte| byte == b';'))
            .filter_map(|piece| piece.splitn(2, |&byte| byte == b'=').nth(1).map(<[u8]>::trim_ascii));
        let tags = ours.into_iter().chain(named).filter_map(parse_hex);
        let trunk = { tags }.find_map(|tag| Some(self.legs.get(self.find_tagged(tag)?)?.trunk))?;
        config.speakers(source).find(|&speaker| speaker == trunk)
    }

    /// The trunk that a response to a REGISTER or OPTIONS of ours is for.
    fn of_request(&self, config: &Config<'_>, source: u16, message: &Message<'_>) -> Option<TrunkIndex> {
        let branch = message.essentials().ok()?.via.branch().and_then(our_branch)?;
        let registers = |speaker: &TrunkIndex| {
            self.trunks.get(usize::from(speaker.0)).is_some_and(|state| state.registration.asked_by(branch))
        };
        let pinged = || {
            let pinged = self.pinged_by(branch)?;
            config.speakers(source).find(|&speaker| speaker == pinged)
        };
        config.speakers(source).find(registers).or_else(pinged)
    }
}

fn by_condition(
    config: &Config<'_>,
    from: &Admitted,
    message: &Message<'_>,
    method: Method<'_>,
) -> Option<TrunkIndex> {
    let speakers = || {
        let trunks = config.speakers(from.source).filter_map(|index| Some((index, config.trunk(index)?)));
        trunks.filter(|(_, trunk)| trunk.kind != TrunkKind::Zendesk)
    };
    let named = speakers().find(|(_, trunk)| proof::user(config, trunk, message).is_some());
    let dials = |index| {
        let uri = message.request_uri().ok()?;
        call::line(config, &uri, index, from.path.listener).ok()
    };
    let open = |trunk: &crate::config::Trunk| config.users(trunk).is_empty();
    let found = named
        .or_else(|| speakers().find(|(_, trunk)| method == Method::Register && !open(trunk)))
        .or_else(|| speakers().find(|&(index, _)| dials(index).is_some()))
        .or_else(|| speakers().find(|(_, trunk)| open(trunk)))
        .or_else(|| speakers().next());
    found.map(|(index, _)| index)
}

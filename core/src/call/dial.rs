//! Which line a request dials.

use crate::config::{Config, LineIndex, TrunkIndex};
use crate::reason::Reason;
use crate::sip::{Scheme, Uri};

use super::number;

/// The line that `uri` dials from `trunk`, when it arrived on `listener`.
///
/// The host must mean us: our address, what peers are told, or one of our domains; a tel: URI has none. The user
/// must be one of a line's names or numbers, compared exactly, or as E.164 in the node's country.
/// [`Reason::UnsupportedScheme`], [`Reason::UnknownLine`], or [`Reason::LineNotForTrunk`] when it can be dialled,
/// but not from there.
pub fn line(
    config: &Config<'_>,
    uri: &Uri<'_>,
    trunk: TrunkIndex,
    listener: u8,
) -> Result<LineIndex, Reason> {
    match uri.scheme {
        Scheme::Tel => {}
        Scheme::Sip | Scheme::Sips if means_us(config, uri, listener) => {}
        Scheme::Sip | Scheme::Sips => return Err(Reason::UnknownLine),
        Scheme::Other(_) => return Err(Reason::UnsupportedScheme),
    }
    let mut decoded = [0; 64];
    let user = uri.user.ok_or(Reason::UnknownLine)?;
    let len = crate::sip::unescape(user, &mut decoded).ok_or(Reason::UnknownLine)?;
    called(config, decoded.get(..len).unwrap_or_default(), trunk)
}

/// The line that is dialled by this name or number from `trunk`.
pub(super) fn called(config: &Config<'_>, user: &[u8], trunk: TrunkIndex) -> Result<LineIndex, Reason> {
    let country = config.text(config.node.country);
    let dialled = number(user, country);

    let mut refusal = Reason::UnknownLine;
    for (index, line) in (0u16..).zip(config.lines) {
        let named = config.dials(line).iter().any(|&dial| {
            let dial = config.text(dial);
            dial == user || (dialled.is_some() && number(dial, country) == dialled)
        });
        if !named {
            continue;
        }
        if config.callers(line).contains(&trunk) {
            return Ok(LineIndex(index));
        }
        refusal = Reason::LineNotForTrunk;
    }
    Err(refusal)
}

fn means_us(config: &Config<'_>, uri: &Uri<'_>, listener: u8) -> bool {
    let Some((_, interface)) = config.listener(listener) else {
        return false;
    };
    match uri.host {
        crate::sip::Host::Ip(address) => {
            address == interface.address
                || address == interface.advertise
                || interface.address.is_unspecified()
        }
        host => config.domains.iter().any(|&domain| host.matches(config.text(domain))),
    }
}

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
    let mut decoded = [0; 64];
    called(config, user(config, uri, listener, &mut decoded)?, trunk)
}

/// The same, by a line's own name, whether that dials it or not.
pub(crate) fn line_by_its_name(
    config: &Config<'_>,
    uri: &Uri<'_>,
    trunk: TrunkIndex,
    listener: u8,
) -> Result<LineIndex, Reason> {
    let mut decoded = [0; 64];
    own(config, user(config, uri, listener, &mut decoded)?, trunk).unwrap_or(Err(Reason::UnknownLine))
}

/// The user part of a URI whose host means us.
fn user<'r>(
    config: &Config<'_>,
    uri: &Uri<'_>,
    listener: u8,
    decoded: &'r mut [u8; 64],
) -> Result<&'r [u8], Reason> {
    match uri.scheme {
        Scheme::Tel => {}
        Scheme::Sip | Scheme::Sips if means_us(config, uri, listener) => {}
        Scheme::Sip | Scheme::Sips => return Err(Reason::UnknownLine),
        Scheme::Other(_) => return Err(Reason::UnsupportedScheme),
    }
    let user = uri.user.ok_or(Reason::UnknownLine)?;
    let len = crate::sip::unescape(user, decoded).ok_or(Reason::UnknownLine)?;
    Ok(decoded.get(..len).unwrap_or_default())
}

/// The line that has this name of its own, for `trunk`; none where none has.
pub(super) fn own(config: &Config<'_>, name: &[u8], trunk: TrunkIndex) -> Option<Result<LineIndex, Reason>> {
    let mut lines = (0u16..).zip(config.lines);
    let (index, line) = lines.find(|(_, line)| config.text(line.name) == name)?;
    let may = config.callers(line).contains(&trunk);
    Some(if may { Ok(LineIndex(index)) } else { Err(Reason::LineNotForTrunk) })
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

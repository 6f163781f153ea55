//! `certificate` and `key` of an interface, `ca` and `certificate` of a trunk.
//!
//! The files are read when the configuration is checked, so that one that is of no use is a mistake with a place, and
//! not a handshake that fails at night.

use super::table::{At, Table, Value};
use crate::certificates::{Identity, Trust, Unusable, name};

/// The certificate of an interface that listens on `tls`, or does not.
pub(super) fn identity(table: &Table<'_>, tls: bool) -> Option<Identity> {
    let report = table.report();
    if !tls {
        for key in ["certificate", "key"] {
            if let Some(value) = table.get(key) {
                value.mistake(format!("\"{key}\" is for tls, and \"listen\" has none, like \"tls:5061\""));
            }
        }
        return None;
    }
    let (Some(certificate), Some(key)) = (table.get("certificate"), table.get("key")) else {
        let missing = if table.get("certificate").is_none() { "certificate" } else { "key" };
        let message = format!(
            "missing key \"{missing}\" in [[interface]]: tls takes a certificate and its key, two PEM files"
        );
        report.mistake(table.at, message);
        return None;
    };
    files(certificate, key)
}

/// The certificate and the key in these files.
pub(super) fn files(certificate: Value<'_>, key: Value<'_>) -> Option<Identity> {
    let report = certificate.report();
    let (certificate, key) = (certificate.string()?, key.string()?);
    let identity = Identity { certificate: report.beside(certificate.value), key: report.beside(key.value) };
    match identity.read() {
        Ok(_) => return Some(identity),
        Err(error @ Unusable::Key(..)) => report.mistake(key.at, error.to_string()),
        Err(error) => report.mistake(certificate.at, error.to_string()),
    }
    None
}

/// Whose certificates a trunk's peers may show, on an interface that listens on `tls`, or does not. None for a mistake.
pub(super) fn trust(table: &Table<'_>, tls: bool) -> Option<Trust> {
    let report = table.report();
    let mut trust = Trust::default();
    for key in ["ca", "certificate"] {
        let Some(value) = table.get(key) else { continue };
        if !tls {
            let message = format!("\"{key}\" is for tls, and the trunk's interface does not listen on it");
            value.mistake(message);
            return None;
        }
        let At { value: text, at } = value.string()?;
        if key == "ca" {
            trust.ca = Some(report.beside(text));
            if let Err(error) = trust.roots() {
                report.mistake(at, error.to_string());
                return None;
            }
        } else if name(text).is_some() {
            trust.name = Some(text.to_owned());
        } else {
            let text = text.escape_debug();
            let message =
                format!("\"{text}\" is no name in a certificate; write it like \"sip.ai.example.com\"");
            report.mistake(at, message);
            return None;
        }
    }
    Some(trust)
}

//! What was recorded of a call, on its ticket: told in words, and the file with it.
//!
//! A sealed file (age) is not sent: it was sealed so that only those whose keys are named can hear it, and whoever may see the
//! ticket could then not. The ticket says what there is and what it is called; those who have a key know where it lies.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use super::api::Failure;
use super::handover::{Handover, length};
use super::zendesk::Zendesk;
use crate::store::{Recorded, utc};

/// The largest file that Zendesk takes.
const LARGEST: u64 = 50 * 1_000_000;

/// What is said of a recording, and what names it to the account where it was sent there.
pub(super) async fn of(
    zendesk: &Zendesk,
    handover: &Handover,
    recorded: &Recorded,
) -> Result<(String, Option<String>), Failure> {
    let name = recorded.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let upload = match sealed(&recorded.file) {
        true => Err("sealed, and not attached".to_owned()),
        false => sent(zendesk, &name, &recorded.file).await?,
    };
    let kind = if recorded.message { "Voicemail" } else { "Recording of the call" };
    let time = recorded.length.map_or_else(String::new, |micros| format!(", {} long", length(micros)));
    let (said, token) = match upload {
        Ok(token) => (format!("attached as {name}"), Some(token)),
        Err(why) => (format!("{why}; it is kept as {name}"), None),
    };
    let (who, begun) = (handover.who(), utc(recorded.begun));
    Ok((format!("\n{kind} from {who}{time}, since {begun}: {said}."), token))
}

fn sealed(file: &Path) -> bool {
    file.extension().is_some_and(|ending| ending == "age")
}

/// Sends a file; why it cannot be, where that is for good.
async fn sent(zendesk: &Zendesk, name: &str, file: &Path) -> Result<Result<String, String>, Failure> {
    let path = file.to_owned();
    let why = match tokio::task::spawn_blocking(move || read(&path))
        .await
        .unwrap_or_else(|error| Err(error.into()))
    {
        Ok(bytes) => match zendesk.upload(name, bytes).await {
            Ok(token) => return Ok(Ok(token)),
            Err(Failure::Refused { status, why, .. }) => {
                format!("Zendesk does not take it ({status}: {why})")
            }
            Err(other) => return Err(other),
        },
        Err(error) => format!("it cannot be sent ({error})"),
    };
    tracing::error!("desk {}: {} does not go to its ticket: {why}", zendesk.name, file.display());
    Ok(Err(why))
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(file)?.take(LARGEST + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LARGEST {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than 50 MB")),
        false => Ok(bytes),
    }
}

//! Holds what left on the board against what left here.

use core::fmt::Write;

use warmline_trace::stream::{self, Departure, FRAME};

/// How many departures both have; or where they first differ, and what left before.
pub(crate) fn compare(here: &[u8], there: &[u8]) -> Result<usize, String> {
    if here.is_empty() {
        return Err("nothing left on either".into());
    }
    let (mut ours, mut theirs) = (here, there);
    let (mut room, mut other) = (Box::new([0; FRAME]), Box::new([0; FRAME]));
    let mut before = String::from("nothing\n");
    for count in 0.. {
        let one = stream::read::<Departure<'_>>(&mut ours, &mut *room);
        let two = stream::read::<Departure<'_>>(&mut theirs, &mut *other);
        match (one, two) {
            (Ok(None), Ok(None)) => return Ok(count),
            (Ok(Some(one)), Ok(two)) if two == Some(one) => before = show(&Ok(Some(one))),
            (one, two) => {
                let (one, two) = (show(&one), show(&two));
                return Err(format!("departure {count}\nhere:  {one}board: {two}before them both: {before}"));
            }
        }
    }
    unreachable!("there are as many numbers as departures")
}

/// A departure for a person to read.
fn show(departure: &Result<Option<Departure<'_>>, stream::StreamError>) -> String {
    let departure = match departure {
        Ok(Some(departure)) => departure,
        Ok(None) => return "nothing more\n".into(),
        Err(error) => return format!("{error}\n"),
    };
    let Departure { at, what, bytes } = departure;
    let mut text = format!("at {at} us: {what}\n");
    match core::str::from_utf8(bytes) {
        Ok("") => {}
        Ok(message) => message.lines().for_each(|line| {
            let _ = writeln!(text, "    | {line}");
        }),
        Err(_) => bytes.chunks(16).for_each(|row| {
            let _ = writeln!(text, "    | {row:02x?}");
        }),
    }
    text
}

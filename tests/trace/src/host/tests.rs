//! The player on the host, and what it is held against.

use warmline_trace::stream::{self, Departure, Entry, FRAME, Header, Source, StreamError};

use super::compare::compare;
use super::{Bytes, play, play_for, traces};
use warmline_trace::Departures;

/// The datagrams that left, in order.
fn datagrams(departures: &[u8]) -> Vec<(u64, String, Vec<u8>)> {
    let (mut departures, mut room) = (departures, Box::new([0; FRAME]));
    let mut datagrams = Vec::new();
    while let Some(Departure { at, what, bytes }) = stream::read(&mut departures, &mut *room).unwrap() {
        if let Some((_, to)) = what.split_once(" -> ").filter(|_| !bytes.is_empty()) {
            datagrams.push((at, to.to_owned(), bytes.to_vec()));
        }
    }
    datagrams
}

#[test]
fn what_was_recorded_is_what_is_played() {
    for make in traces::ALL {
        let trace = make();
        println!("{}: {}", trace.name, trace.about);
        let played = datagrams(&play(&trace.bytes).unwrap());
        let recorded = trace.left.into_iter().map(|left| (left.at, left.to.to_string(), left.bytes));
        let mut recorded: Vec<_> = recorded.collect();
        // A trace ends with the last thing that came in. What left after that, repeated in vain, is not played.
        let last = played.last().map_or(0, |played| played.0);
        let beyond = recorded.split_off(played.len().min(recorded.len()));
        assert!(beyond.iter().all(|left| left.0 > last), "{}: {} beyond", trace.name, beyond.len());
        for (recorded, played) in recorded.iter().zip(&played) {
            assert_eq!(recorded, played, "{}", trace.name);
        }
        assert_eq!(recorded.len(), played.len(), "{}", trace.name);
    }
}

/// Gives one byte at a time.
struct Drops<'a>(&'a [u8]);

impl Source for Drops<'_> {
    fn read(&mut self, room: &mut [u8]) -> usize {
        let len = room.len().min(1);
        self.0.read(&mut room[..len])
    }
}

#[test]
fn a_trace_may_come_in_any_pieces() {
    let trace = traces::counted();
    let mut room = Box::new([0; FRAME]);
    let mut host = Departures::new(Bytes::default(), &mut room);
    play_for(Drops(&trace.bytes), &mut host).unwrap();
    assert!(host.into_sink().0 == play(&trace.bytes).unwrap());
}

#[test]
fn another_seed_makes_other_bytes_and_the_difference_is_shown() {
    let trace = traces::counted();
    let played = play(&trace.bytes).unwrap();
    assert!(compare(&played, &played).unwrap() > 10_000);

    let (mut rest, mut room) = (trace.bytes.as_slice(), Box::new([0; FRAME]));
    let mut header: Header<'_> = stream::read(&mut rest, &mut *room).unwrap().unwrap();
    header.seeds[0][0] ^= 1;
    let mut bytes = Bytes::default();
    stream::write(&mut bytes, &header, &mut *Box::new([0; FRAME])).unwrap();
    bytes.0.extend_from_slice(rest);
    let difference = compare(&played, &play(&bytes.0).unwrap()).unwrap_err();
    println!("{difference}");
    // That the first call has begun is the first to say something of the seed's: the call's id.
    assert!(difference.contains("here:  at ") && difference.contains("board: at "), "{difference}");
    assert_eq!(difference.matches("event Started").count(), 2, "{difference}");

    let difference = compare(&played, &played[..played.len() - 1]).unwrap_err();
    assert!(difference.contains("board: the stream ends within a frame"), "{difference}");
    assert!(compare(&[], &[]).is_err());
}

#[test]
fn a_trace_that_cannot_be_played_is_refused() {
    let trace = traces::counted();
    let (mut rest, mut room) = (trace.bytes.as_slice(), Box::new([0; FRAME]));
    let header: Header<'_> = stream::read(&mut rest, &mut *room).unwrap().unwrap();
    let with = |header: &Header<'_>| {
        let mut bytes = Bytes::default();
        stream::write(&mut bytes, header, &mut *Box::new([0; FRAME])).unwrap();
        bytes.0.extend_from_slice(rest);
        play(&bytes.0).unwrap_err()
    };
    let names = header.names.clone();
    let wrong = with(&Header { calls: 17, names: names.clone(), ..header });
    assert!(wrong.contains("17 calls"), "{wrong}");
    let wrong = with(&Header { image: &header.image[1..], names, ..header });
    assert!(wrong.contains("configuration"), "{wrong}");

    let wrong = play(&trace.bytes[..trace.bytes.len() - 1]).unwrap_err();
    assert_eq!(wrong, StreamError::Cut.to_string());
    let mut first = rest;
    let mut room = Box::new([0; FRAME]);
    let Entry { at, .. } = stream::read(&mut first, &mut *room).unwrap().unwrap();
    let mut bytes = trace.bytes.clone();
    bytes.extend_from_slice(&rest[..rest.len() - first.len()]);
    let wrong = play(&bytes).unwrap_err();
    assert!(wrong.contains(&format!("{at} us is earlier")), "{wrong}");
}

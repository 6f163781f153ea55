//! How often a parsed message reaches for the heap: ours never, others for comparison.

use core::hint::black_box;

use allocation_counter::measure;
use rsip::prelude::{HeadersExt, ToTypedHeader};
use warmline_benches::{VARIANTS, bye, invite, ok};
use warmline_core::sdp::Session;
use warmline_core::sip::{Message, Name};

/// Calls `parse` with every variant, and says how many allocations one message takes.
fn allocations(messages: &[Vec<u8>], mut parse: impl FnMut(&[u8])) -> f64 {
    let counted = measure(|| messages.iter().for_each(|message| parse(message)));
    counted.count_total as f64 / VARIANTS as f64
}

#[test]
fn parsing_allocates_nothing() {
    for (name, ring) in [("INVITE", invite()), ("200", ok()), ("BYE", bye())] {
        let mut payload_types = 0;
        let ours = allocations(ring.all(), |bytes| {
            let message = Message::parse(bytes).unwrap();
            black_box(message.essentials().unwrap());
            for contact in message.addresses(Name::Contact) {
                black_box(contact.unwrap());
            }
            if let Ok(session) = Session::parse(message.body()) {
                for media in session.media() {
                    black_box((media.address().unwrap(), media.port));
                    payload_types += media.payload_types().count();
                }
            }
        });
        let rsipstack = allocations(ring.all(), |bytes| {
            black_box(rsipstack::sip::parser::parse_message(bytes).unwrap());
        });
        let rsip = allocations(ring.all(), |bytes| {
            let message = rsip::SipMessage::try_from(bytes).unwrap();
            black_box(message.via_header().unwrap().typed().unwrap());
            black_box(message.from_header().unwrap().typed().unwrap());
            black_box(message.to_header().unwrap().typed().unwrap());
            black_box(message.cseq_header().unwrap().typed().unwrap());
        });
        println!(
            "{name}: warmline {ours}, rsipstack {rsipstack}, rsip typed {rsip} allocations for a message"
        );
        assert_eq!(ours, 0.0, "{name}");
        assert!(rsipstack > 0.0, "the counter does not count");
        assert_eq!(payload_types > 0, name != "BYE", "{name}: the session description was read");
    }
}

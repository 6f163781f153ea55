//! A far end like Zendesk Talk's: a SIP domain at Twilio, as far as its manners are known.
//!
//! It refuses what the real one refuses ([`Rules`]), rings, answers with a greeting of its own, which means that the
//! caller is in its queue, and hangs up as a queue does ([`Goodbye`]). The rig plays it in virtual time
//! ([`Answer::Zendesk`](crate::Answer::Zendesk)); [`FarEnd`] is the same on sockets, for Warmline as users start it.
//! It knows nothing of tickets but how they are named to it: whoever links it to Zendesk's API ([`api`]) reads
//! [`Visit`]s.

mod far_end;
mod greeting;
mod rules;

pub use far_end::{FarEnd, Goodbye, Manners, Visit};
pub use greeting::Heard;
pub use rules::{Refusal, Rules, Security};
pub use warmline_zendesk_api as api;

/// A configuration's desk `acme` at an account, with these further keys, each on a line of its own.
pub fn desk(api: &api::Api, keys: &str) -> String {
    let (base, (id, secret)) = (api.base(), api::CLIENT);
    format!(
        "\n[[desk]]\nname = \"acme\"\nkind = \"zendesk\"\nbase_url = \"{base}\"\nclient_id = \"{id}\"\n\
         client_secret = \"{secret}\"\n{keys}\n"
    )
}

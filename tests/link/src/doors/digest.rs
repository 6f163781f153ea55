use core::hint::black_box;

use warmline_core::digest::{
    Demand, DigestResponse, Login, Request, Secret, Text, Verifier, Window, challenges, strongest,
};
use warmline_core::random::Random;
use warmline_core::sip::Writer;

use super::{Values, see};

pub(super) fn client(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let (count, cnonce) = (values.u32(), values.u64());
    let text = values.rest();
    let login = Login { user: text, secret: Secret::new(text) };
    challenges(text).for_each(|challenge| see(challenge.is_err()));
    let demand = Demand::of(black_box(401));
    see(demand.map(|demand| (demand.challenge(), demand.credentials())));
    let Some(challenge) = strongest(core::iter::once(text), black_box(b"realm")) else { return };
    let mut out = [0; 512];
    let mut writer = Writer::new(black_box(&mut out));
    challenge.answer(&login, (text, text), count, cnonce, &mut writer);
    black_box(writer.finish()).ok();
}

pub(super) fn server(bytes: &mut [u8]) {
    let mut values = Values(bytes);
    let mut windows = [Window::EMPTY; 2];
    let mut verifier = Verifier::new(&mut Random::new(&values.array()), black_box(&mut windows));
    let (now, source, stale) = (values.instant(), values.address(), values.flag());
    let mut out = [0; 512];
    let mut writer = Writer::new(black_box(&mut out));
    verifier.challenge(now, source, values.rest(), black_box(Demand::Proxy), stale, &mut writer);
    black_box(writer.finish()).ok();
    let Ok(credentials) = DigestResponse::parse(values.rest()) else { return };
    see((credentials.challenge().algorithm(), credentials.counted.map(|counted| counted.number())));
    see((credentials.user.is(Text::plain(black_box(b"user"))), credentials.user.len()));
    let request = Request { source, method: values.rest(), uri: values.rest() };
    let secret = stale.then_some(Secret::new(values.rest()));
    see(verifier.verify(now, &request, values.rest(), &credentials, secret));
}

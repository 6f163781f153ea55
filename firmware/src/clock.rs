//! The time of day, by a server's (SNTP).

use core::cell::Cell;
use core::net::Ipv4Addr;

use embassy_net::udp::{PacketMetadata, UdpSocket};
use embassy_net::{IpEndpoint, Stack};
use embassy_sync::blocking_mutex::Mutex;
use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_time::{Duration as Span, Timer, with_timeout};
use warmline_core::sntp;
use warmline_core::time::{Instant, Utc};

use crate::time::now;

/// How long an answer is waited for.
const PATIENCE: Span = Span::from_secs(2);

/// How often the time is asked for once it is known; until then twice as late each time, from here on.
const EVERY: Span = Span::from_secs(3600);
const SOON: Span = Span::from_secs(2);

/// The time of day at [`Instant::ZERO`], in microseconds since 1970; 0 as long as that is not known.
static BEGAN: Mutex<CriticalSectionRawMutex, Cell<i64>> = Mutex::new(Cell::new(0));

/// The time of day, where it is known.
pub(crate) fn utc(now: Instant) -> Option<Utc> {
    let began = BEGAN.lock(Cell::get);
    let since = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    (began != 0).then(|| Utc(began.saturating_add(since)))
}

/// Asks a server, and goes on asking. Nobody can foresee `secret`.
#[embassy_executor::task]
pub(crate) async fn follow(stack: Stack<'static>, server: Ipv4Addr, secret: u64) {
    let (mut heard, mut said) = ([0; sntp::LEN + 16], [0; sntp::LEN]);
    let (mut waiting, mut leaving) = ([PacketMetadata::EMPTY; 1], [PacketMetadata::EMPTY; 1]);
    let mut socket = UdpSocket::new(stack, &mut waiting, &mut heard, &mut leaving, &mut said);
    // From another port each time the board starts.
    if socket.bind(49_152 | secret as u16 >> 2).is_err() {
        return defmt::error!("there is no port for asking the time");
    }
    let (mut cookie, mut pause, mut known) = (secret, SOON, false);
    loop {
        // Knuth's: whoever has not seen the ones before cannot guess the next.
        cookie = cookie.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        match ask(&socket, server, cookie).await {
            Some(Utc(utc)) => {
                let since = i64::try_from(now().as_micros()).unwrap_or(i64::MAX);
                BEGAN.lock(|began| began.set(utc.saturating_sub(since)));
                if !core::mem::replace(&mut known, true) {
                    defmt::info!("it is {=i64} s since 1970 in UTC, says {}", utc / 1_000_000, server);
                }
                pause = EVERY;
            }
            None if known => pause = SOON,
            None => {
                if pause == SOON {
                    defmt::warn!("{} does not say what time it is", server);
                }
                pause = (pause * 2).min(EVERY);
            }
        }
        Timer::after(pause).await;
    }
}

/// What a server says, if it answers in time.
async fn ask(socket: &UdpSocket<'_>, server: Ipv4Addr, cookie: u64) -> Option<Utc> {
    let asked = now();
    socket.send_to(&sntp::question(cookie), IpEndpoint::new(server.into(), sntp::PORT)).await.ok()?;
    let answer = async {
        loop {
            let mut room = [0; sntp::LEN + 16];
            // Whatever else comes is passed over.
            if let Ok((len, _)) = socket.recv_from(&mut room).await
                && let Some(utc) = sntp::answer(&room[..len], cookie, now().since(asked))
            {
                return utc;
            }
        }
    };
    with_timeout(PATIENCE, answer).await.ok()
}

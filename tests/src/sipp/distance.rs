//! Distance between a peer and Warmline: what either sends takes its time, so that messages cross as they do between
//! continents.

use core::net::{SocketAddr, SocketAddrV4};
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;
use std::collections::VecDeque;
use std::net::UdpSocket;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::ports;

/// How often it looks for what has come and what is due.
const MOMENT: Duration = Duration::from_millis(1);

/// A stretch of network. It is gone when it is dropped.
#[derive(Debug)]
pub struct Distance {
    /// Where Warmline sees the peer.
    pub outer: SocketAddrV4,
    /// Where the peer sees Warmline.
    pub inner: SocketAddrV4,
    ends: Arc<AtomicBool>,
    carries: Option<JoinHandle<()>>,
}

impl Distance {
    /// Puts the peer at `peer` so far from the Warmline at `warmline`, to which it will be at `outer`.
    ///
    /// # Panics
    /// When there are no sockets for it.
    pub fn between(
        peer: SocketAddrV4,
        outer: SocketAddrV4,
        warmline: SocketAddrV4,
        latency: Duration,
    ) -> Self {
        let inner = SocketAddrV4::new(*peer.ip(), ports(2));
        let socket = |at: SocketAddrV4| {
            let socket = UdpSocket::bind(at).expect("a free port");
            socket.set_nonblocking(true).expect("a socket need not block");
            socket
        };
        let (near, far) = (socket(inner), socket(outer));
        let ends = Arc::<AtomicBool>::default();
        let told = ends.clone();
        let carries = std::thread::spawn(move || {
            let (mut out, mut back) = (VecDeque::new(), VecDeque::new());
            while !told.load(Ordering::Relaxed) {
                carry((&near, &far), warmline.into(), latency, &mut out);
                carry((&far, &near), peer.into(), latency, &mut back);
                std::thread::sleep(MOMENT);
            }
        });
        Self { outer, inner, ends, carries: Some(carries) }
    }
}

impl Drop for Distance {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(carries) = self.carries.take() {
            // What it panicked about is on the screen.
            let _ = carries.join();
        }
    }
}

fn carry(
    (from, by): (&UdpSocket, &UdpSocket),
    to: SocketAddr,
    latency: Duration,
    under_way: &mut VecDeque<(Instant, Vec<u8>)>,
) {
    let mut buffer = [0; 65_535];
    while let Ok((len, _)) = from.recv_from(&mut buffer) {
        under_way.push_back((Instant::now() + latency, buffer[..len].to_vec()));
    }
    while under_way.front().is_some_and(|first| first.0 <= Instant::now()) {
        let Some((_, bytes)) = under_way.pop_front() else { return };
        // Whoever is not there does not hear it.
        let _ = by.send_to(&bytes, to);
    }
}

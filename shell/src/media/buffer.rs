//! What a socket can hold until its worker comes to it.

use socket2::{Domain, Protocol, Socket, Type};

/// What one port's socket holds: Linux's own default, some 250 packets, or five seconds of audio.
const OF_A_PORT: usize = 104 << 10;

/// What the system counts for a packet of 20 ms of audio, its own bookkeeping included.
const OF_A_PACKET: usize = 832;

/// How many packets of each stream a socket holds that many streams share: a tenth of a second.
const PACKETS: usize = 5;

/// The least and the most of such a socket.
const SHARED: core::ops::RangeInclusive<usize> = 1 << 20..=64 << 20;

/// What sockets have to be asked to hold, in bytes; none where they hold enough by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Buffer(Option<usize>);

impl Buffer {
    /// Nothing is asked for.
    pub(super) const ENOUGH: Self = Self(None);

    /// For the sockets of one port each, found out with one of them.
    pub(super) fn of_ports() -> Self {
        Self::found_out(OF_A_PORT)
    }

    /// For a socket to which so many ways of calls come.
    pub(super) fn of_streams(streams: usize) -> Self {
        // The system doubles what it is asked for, and counts what a packet takes in its own memory.
        let bytes = streams.saturating_mul(PACKETS * OF_A_PACKET) / 2;
        Self::found_out(bytes.clamp(*SHARED.start(), *SHARED.end()))
    }

    /// Has a socket hold as much. One that may not is as good as it gets, which was said before.
    pub(super) fn ask(self, socket: &Socket) {
        if let Some(bytes) = self.0 {
            set(socket, bytes);
        }
    }

    fn found_out(wanted: usize) -> Self {
        let Ok(socket) = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)) else {
            return Self::ENOUGH;
        };
        if room(&socket) >= wanted {
            return Self::ENOUGH;
        }
        set(&socket, wanted);
        let given = room(&socket);
        if given < wanted {
            tracing::warn!(
                "the system gives media sockets {given} bytes of buffer, not {wanted}: audio may be lost while it is \
                 busy. Raise net.core.rmem_max to {wanted} or more"
            );
        }
        Self(Some(wanted))
    }
}

/// What a socket holds, as it was asked for.
fn room(socket: &Socket) -> usize {
    // Linux says twice what it was asked for, to count its own bookkeeping in.
    let counted = if cfg!(target_os = "linux") { 2 } else { 1 };
    socket.recv_buffer_size().unwrap_or(0) / counted
}

/// By right where there is one (CAP_NET_ADMIN), or else as far as the system lets everybody.
fn set(socket: &Socket, bytes: usize) {
    #[cfg(target_os = "linux")]
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(socket, bytes).is_ok() {
        return;
    }
    let _ = socket.set_recv_buffer_size(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shared_socket_holds_more_than_the_system_gives_by_itself() {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).expect("a socket");
        let before = room(&socket);
        // What the system lets everybody have is at least that on any Linux of these years.
        Buffer(Some(before * 3 / 4)).ask(&socket);
        assert_eq!(room(&socket), before * 3 / 4);
        assert_eq!(Buffer(None), Buffer::ENOUGH);
    }
}

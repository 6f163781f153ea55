//! The four transaction machines of RFC 3261 section 17, with RFC 6026's corrections, as pure functions.
//!
//! A state and an event give the next state and what to do. What is kept, sent and timed is the table's business.

use crate::time::Duration;
use crate::transport::Transport;

/// T1: the estimated round trip (RFC 3261 section 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// T2: the longest interval between retransmissions of anything but an INVITE.
pub const T2: Duration = Duration::from_secs(4);
/// T4: the longest a message stays in the network.
pub const T4: Duration = Duration::from_secs(5);
/// Timers B, F, H, J, L and M, and on unreliable transports D: 64*T1.
pub const GIVE_UP: Duration = T1.times(64);

/// What a status says, as far as transactions care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Class {
    /// 1xx.
    Provisional,
    /// 2xx.
    Success,
    /// 3xx to 6xx.
    Failure,
}

impl Class {
    /// The class of a status between 100 and 699.
    pub const fn of(status: u16) -> Self {
        match status {
            0..=199 => Self::Provisional,
            200..=299 => Self::Success,
            _ => Self::Failure,
        }
    }
}

/// The states of all four machines, under the RFC's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum State {
    /// An INVITE was sent and nothing has come back.
    Calling,
    /// Another request was sent, or received, and nothing has come back.
    Trying,
    /// A provisional response has passed.
    Proceeding,
    /// A final response has passed; it, or its ACK, is repeated when asked for.
    Completed,
    /// The ACK for a failure has come; further ones are absorbed.
    Confirmed,
    /// A 2xx to an INVITE has passed (RFC 6026).
    Accepted,
    /// It is over.
    Terminated,
}

/// Which of the four machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Machine {
    /// Figure 5 of RFC 3261, as replaced by RFC 6026 section 8.4.
    InviteClient,
    /// Figure 6.
    Client,
    /// Figure 7, as replaced by RFC 6026 section 8.7.
    InviteServer,
    /// Figure 8.
    Server,
}

/// What happens to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Event {
    /// To a client: a response came. To a server: its user responds.
    Response(Class),
    /// To a server: the request came again.
    Request,
    /// To an INVITE server: the ACK for a failure came.
    Ack,
    /// Timers A, E and G.
    Retransmit,
    /// Timers B, F and H: nobody answers.
    TimeOut,
    /// Timers D, I, J, K, L and M: nothing more is expected.
    Expire,
}

/// What is to be done about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Action {
    /// Nothing.
    Nothing,
    /// Tell the user.
    Pass,
    /// Send the ACK and tell the user.
    AckAndPass,
    /// Send the ACK again.
    Ack,
    /// Send the request, or the last response, again.
    Send,
    /// Tell the user that nobody answers.
    Fail,
}

impl Machine {
    /// The state a new machine is in.
    pub const fn start(self) -> State {
        match self {
            Self::InviteClient => State::Calling,
            // RFC 3261 17.2.1: an INVITE is Proceeding at once, since a 100 goes out.
            Self::InviteServer => State::Proceeding,
            Self::Client | Self::Server => State::Trying,
        }
    }

    /// The next state and what to do, when `event` happens in `state`.
    pub const fn step(self, state: State, event: Event) -> (State, Action) {
        match self {
            Self::InviteClient => invite_client(state, event),
            Self::Client => client(state, event),
            Self::InviteServer => invite_server(state, event),
            Self::Server => server(state, event),
        }
    }

    /// How long a machine stays in a state in which nothing more has to be sent of its own accord: timers D, I, J,
    /// K, L and M. None where the state is not such a one, zero where it ends at once.
    pub const fn linger(self, state: State, transport: Transport) -> Option<Duration> {
        let reliable = transport.is_reliable();
        Some(match (self, state) {
            // L and M run on every transport: they absorb what a forked INVITE brings.
            (Self::InviteClient | Self::InviteServer, State::Accepted) => GIVE_UP,
            (Self::InviteClient, State::Completed) | (Self::Server, State::Completed) if !reliable => GIVE_UP,
            (Self::Client, State::Completed) | (Self::InviteServer, State::Confirmed) if !reliable => T4,
            (Self::InviteClient | Self::Client | Self::Server, State::Completed)
            | (Self::InviteServer, State::Confirmed) => Duration::ZERO,
            _ => return None,
        })
    }
}

const fn invite_client(state: State, event: Event) -> (State, Action) {
    use {Action as A, Class::*, Event as E, State as S};
    match (state, event) {
        (S::Calling | S::Proceeding, E::Response(Provisional)) => (S::Proceeding, A::Pass),
        (S::Calling | S::Proceeding, E::Response(Success)) => (S::Accepted, A::Pass),
        (S::Calling | S::Proceeding, E::Response(Failure)) => (S::Completed, A::AckAndPass),
        (S::Calling, E::Retransmit) => (S::Calling, A::Send),
        // B runs only while nothing at all has come back; in Proceeding the user's own patience counts.
        (S::Calling, E::TimeOut) => (S::Terminated, A::Fail),
        (S::Completed, E::Response(Failure)) => (S::Completed, A::Ack),
        (S::Accepted, E::Response(Success)) => (S::Accepted, A::Pass),
        (S::Completed | S::Accepted, E::Expire) => (S::Terminated, A::Nothing),
        _ => (state, A::Nothing),
    }
}

const fn client(state: State, event: Event) -> (State, Action) {
    use {Action as A, Class::*, Event as E, State as S};
    match (state, event) {
        (S::Trying | S::Proceeding, E::Response(Provisional)) => (S::Proceeding, A::Pass),
        (S::Trying | S::Proceeding, E::Response(Success | Failure)) => (S::Completed, A::Pass),
        (S::Trying | S::Proceeding, E::Retransmit) => (state, A::Send),
        (S::Trying | S::Proceeding, E::TimeOut) => (S::Terminated, A::Fail),
        (S::Completed, E::Expire) => (S::Terminated, A::Nothing),
        _ => (state, A::Nothing),
    }
}

const fn invite_server(state: State, event: Event) -> (State, Action) {
    use {Action as A, Class::*, Event as E, State as S};
    match (state, event) {
        (S::Proceeding, E::Response(Provisional)) => (S::Proceeding, A::Send),
        (S::Proceeding, E::Response(Success)) => (S::Accepted, A::Send),
        (S::Proceeding, E::Response(Failure)) => (S::Completed, A::Send),
        (S::Proceeding | S::Completed, E::Request) => (state, A::Send),
        (S::Completed, E::Retransmit) => (S::Completed, A::Send),
        (S::Completed, E::Ack) => (S::Confirmed, A::Nothing),
        (S::Completed, E::TimeOut) => (S::Terminated, A::Fail),
        // The user repeats a 2xx itself until its ACK comes (13.3.1.4).
        (S::Accepted, E::Response(Success)) => (S::Accepted, A::Send),
        (S::Accepted, E::Ack) => (S::Accepted, A::Pass),
        (S::Confirmed | S::Accepted, E::Expire) => (S::Terminated, A::Nothing),
        _ => (state, A::Nothing),
    }
}

const fn server(state: State, event: Event) -> (State, Action) {
    use {Action as A, Class::*, Event as E, State as S};
    match (state, event) {
        (S::Trying | S::Proceeding, E::Response(Provisional)) => (S::Proceeding, A::Send),
        (S::Trying | S::Proceeding, E::Response(Success | Failure)) => (S::Completed, A::Send),
        (S::Proceeding | S::Completed, E::Request) => (state, A::Send),
        (S::Completed, E::Expire) => (S::Terminated, A::Nothing),
        _ => (state, A::Nothing),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use {Action as A, Class::*, Event as E, Machine as M, State as S};

    fn walk(machine: M, events: &[(E, S, A)]) {
        let mut state = machine.start();
        for &(event, next, action) in events {
            let before = state;
            let got;
            (state, got) = machine.step(state, event);
            assert_eq!((state, got), (next, action), "{machine:?} in {before:?} on {event:?}");
        }
    }

    #[test]
    fn an_invite_is_sent_again_until_something_comes_back() {
        walk(
            M::InviteClient,
            &[
                (E::Retransmit, S::Calling, A::Send),
                (E::Response(Provisional), S::Proceeding, A::Pass),
                (E::Retransmit, S::Proceeding, A::Nothing),
                (E::TimeOut, S::Proceeding, A::Nothing),
                (E::Response(Provisional), S::Proceeding, A::Pass),
                (E::Response(Failure), S::Completed, A::AckAndPass),
                (E::Response(Failure), S::Completed, A::Ack),
                (E::Response(Provisional), S::Completed, A::Nothing),
                (E::Expire, S::Terminated, A::Nothing),
            ],
        );
        walk(M::InviteClient, &[(E::TimeOut, S::Terminated, A::Fail)]);
    }

    #[test]
    fn every_2xx_to_an_invite_reaches_the_user() {
        walk(
            M::InviteClient,
            &[
                (E::Response(Success), S::Accepted, A::Pass),
                (E::Response(Success), S::Accepted, A::Pass),
                (E::Response(Failure), S::Accepted, A::Nothing),
                (E::Expire, S::Terminated, A::Nothing),
            ],
        );
    }

    #[test]
    fn another_request_is_sent_again_even_after_a_provisional() {
        walk(
            M::Client,
            &[
                (E::Retransmit, S::Trying, A::Send),
                (E::Response(Provisional), S::Proceeding, A::Pass),
                (E::Retransmit, S::Proceeding, A::Send),
                (E::Response(Success), S::Completed, A::Pass),
                (E::Response(Success), S::Completed, A::Nothing),
                (E::Expire, S::Terminated, A::Nothing),
            ],
        );
        walk(
            M::Client,
            &[(E::Response(Provisional), S::Proceeding, A::Pass), (E::TimeOut, S::Terminated, A::Fail)],
        );
    }

    #[test]
    fn a_failure_is_repeated_until_its_ack() {
        walk(
            M::InviteServer,
            &[
                (E::Request, S::Proceeding, A::Send),
                (E::Response(Provisional), S::Proceeding, A::Send),
                (E::Response(Failure), S::Completed, A::Send),
                (E::Retransmit, S::Completed, A::Send),
                (E::Request, S::Completed, A::Send),
                (E::Ack, S::Confirmed, A::Nothing),
                (E::Ack, S::Confirmed, A::Nothing),
                (E::Request, S::Confirmed, A::Nothing),
                (E::Expire, S::Terminated, A::Nothing),
            ],
        );
        walk(
            M::InviteServer,
            &[(E::Response(Failure), S::Completed, A::Send), (E::TimeOut, S::Terminated, A::Fail)],
        );
    }

    #[test]
    fn an_accepted_invite_absorbs_its_retransmissions() {
        walk(
            M::InviteServer,
            &[
                (E::Response(Success), S::Accepted, A::Send),
                (E::Request, S::Accepted, A::Nothing),
                (E::Response(Success), S::Accepted, A::Send),
                (E::Ack, S::Accepted, A::Pass),
                (E::Response(Failure), S::Accepted, A::Nothing),
                (E::Expire, S::Terminated, A::Nothing),
            ],
        );
    }

    #[test]
    fn a_server_answers_again() {
        walk(
            M::Server,
            &[
                (E::Request, S::Trying, A::Nothing),
                (E::Response(Provisional), S::Proceeding, A::Send),
                (E::Request, S::Proceeding, A::Send),
                (E::Response(Failure), S::Completed, A::Send),
                (E::Request, S::Completed, A::Send),
                (E::Response(Success), S::Completed, A::Nothing),
                (E::Expire, S::Terminated, A::Nothing),
            ],
        );
    }

    #[test]
    fn timers_of_table_4() {
        let (udp, tcp) = (Transport::Udp, Transport::Tcp);
        assert_eq!(GIVE_UP, Duration::from_secs(32));
        assert_eq!(M::InviteClient.linger(S::Completed, udp), Some(Duration::from_secs(32))); // D
        assert_eq!(M::InviteClient.linger(S::Completed, tcp), Some(Duration::ZERO));
        assert_eq!(M::InviteServer.linger(S::Confirmed, udp), Some(T4)); // I
        assert_eq!(M::Server.linger(S::Completed, udp), Some(GIVE_UP)); // J
        assert_eq!(M::Server.linger(S::Completed, tcp), Some(Duration::ZERO));
        assert_eq!(M::Client.linger(S::Completed, udp), Some(T4)); // K
        assert_eq!(M::InviteServer.linger(S::Accepted, tcp), Some(GIVE_UP)); // L
        assert_eq!(M::InviteClient.linger(S::Accepted, tcp), Some(GIVE_UP)); // M
        assert_eq!(M::InviteServer.linger(S::Proceeding, udp), None);
    }

    #[test]
    fn nothing_leaves_terminated() {
        for machine in [M::InviteClient, M::Client, M::InviteServer, M::Server] {
            for event in [
                E::Response(Provisional),
                E::Response(Success),
                E::Response(Failure),
                E::Request,
                E::Ack,
                E::Retransmit,
                E::TimeOut,
                E::Expire,
            ] {
                assert_eq!(machine.step(S::Terminated, event), (S::Terminated, A::Nothing));
            }
        }
    }
}

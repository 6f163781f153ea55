//! Who is connected: so many at once, and fewer from one address, so that nobody keeps the others out.

use core::net::IpAddr;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most connections at once.
pub(crate) const MOST: usize = 128;

/// Most of them from one address.
pub(super) const MOST_OF_ONE: usize = 32;

/// How many there are, by their addresses.
#[derive(Default)]
pub(super) struct Guests(Mutex<HashMap<IpAddr, usize>>);

/// One who is connected, until it is dropped.
pub(super) struct Guest {
    guests: Arc<Guests>,
    address: IpAddr,
}

impl Guests {
    /// Lets one more in; none where there is no room.
    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Option<Guest> {
        let mut guests = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = guests.get(&address).copied().unwrap_or(0);
        if count >= MOST_OF_ONE || guests.values().sum::<usize>() >= MOST {
            return None;
        }
        guests.insert(address, count + 1);
        Some(Guest { guests: Arc::clone(self), address })
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        let mut guests = self.guests.0.lock().unwrap_or_else(PoisonError::into_inner);
        match guests.get_mut(&self.address) {
            Some(count) if *count > 1 => *count -= 1,
            _ => drop(guests.remove(&self.address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_keeps_the_others_out() {
        let guests = Arc::<Guests>::default();
        let from = |last: u8| guests.enter([192, 0, 2, last].into());
        let mut here: Vec<_> = (0..MOST_OF_ONE).map(|_| from(1)).collect();
        assert!(here.iter().all(Option::is_some) && from(1).is_none());
        for other in 2..=4 {
            here.extend((0..MOST_OF_ONE).map(|_| from(other)));
        }
        assert!(here.iter().all(Option::is_some) && from(5).is_none(), "all places are taken");
        drop(here.pop());
        assert!(from(5).is_some());
        drop(here);
        assert!(guests.0.lock().expect("nobody has failed").is_empty());
    }
}

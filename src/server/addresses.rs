//! How many connections an address has open, over all threads.

use std::net::IpAddr;
use std::sync::Arc;

use dashmap::DashMap;

/// Counts by address. Bounded by the connections that are open: an address without one is forgotten.
pub struct Addresses {
    open: DashMap<u128, usize>,
    most: usize,
}

/// One connection of an address, until it is dropped.
pub struct Counted {
    addresses: Arc<Addresses>,
    key: u128,
}

impl Addresses {
    /// `most`: connections of one address at a time.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { open: DashMap::new(), most })
    }

    /// Counts one more connection; `None` where there are enough.
    pub fn count(self: &Arc<Self>, address: IpAddr) -> Option<Counted> {
        let key = key(address);
        let mut open = self.open.entry(key).or_default();
        if *open >= self.most {
            return None;
        }
        *open += 1;
        drop(open);
        Some(Counted { addresses: Arc::clone(self), key })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.addresses.open.remove_if_mut(&self.key, |_, open| {
            *open -= 1;
            *open == 0
        });
    }
}

/// A client has a whole /64 of IPv6, and may connect from another address of it each time.
/// The same as `model::peer_key`; this module knows no other of ours, so it has its own.
fn key(address: IpAddr) -> u128 {
    match address.to_canonical() {
        IpAddr::V4(address) => u128::from(address.to_bits()),
        IpAddr::V6(address) => address.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_number_and_gets_it_back() {
        let addresses = Addresses::new(2);
        let of = |text: &str| text.parse::<IpAddr>().expect("an address");
        let one = addresses.count(of("192.0.2.1"));
        let two = addresses.count(of("::ffff:192.0.2.1"));
        assert!(one.is_some() && two.is_some());
        assert!(addresses.count(of("192.0.2.1")).is_none(), "a third");
        assert!(addresses.count(of("192.0.2.2")).is_some(), "another address");
        drop(one);
        assert!(addresses.count(of("192.0.2.1")).is_some());
        drop(two);
        assert!(addresses.open.is_empty(), "nothing is kept of who is gone");
    }

    #[test]
    fn a_network_of_64_bits_counts_as_one_address() {
        let addresses = Addresses::new(1);
        let of = |text: &str| text.parse::<IpAddr>().expect("an address");
        let one = addresses.count(of("2001:db8::1"));
        assert!(one.is_some());
        assert!(addresses.count(of("2001:db8::2")).is_none());
        assert!(addresses.count(of("2001:db8:0:1::1")).is_some());
    }
}

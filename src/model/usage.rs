//! How much a token was used: in all, and of late by day, by route and by peer.

use std::net::{IpAddr, Ipv6Addr};

use super::clock::Timestamp;

/// What is known of a token's use.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Usage {
    pub requests: u64,
    pub last_used: Option<Timestamp>,
    /// Requests by day, in the order of the days.
    pub days: Vec<(Day, u64)>,
    /// By the name of the route.
    pub routes: Vec<Seen<Box<str>>>,
    /// By address; of IPv6 by network, see [`peer`].
    pub peers: Vec<Seen<IpAddr>>,
    /// By each of the token's texts, from its first rotation on.
    pub secrets: Vec<SecretUse>,
}

/// How much one of a token's texts was used, and when last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SecretUse {
    /// As [`super::Token::number_of`] counts them.
    pub number: u32,
    pub requests: u64,
    pub last: Timestamp,
}

/// A day of UTC: days since 1970-01-01.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub u32);

/// How much something was seen, and when last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen<T> {
    pub what: T,
    pub requests: u64,
    pub last: Timestamp,
}

impl Day {
    const MILLIS: i64 = 86_400_000;

    pub fn of(at: Timestamp) -> Self {
        Self(u32::try_from(at.millis().div_euclid(Self::MILLIS)).unwrap_or(0))
    }

    /// Its first moment.
    pub fn start(self) -> Timestamp {
        Timestamp::from_millis(i64::from(self.0) * Self::MILLIS)
    }
}

impl Usage {
    /// Days that are remembered.
    pub const DAYS: u32 = 35;
    /// Routes and peers that are remembered, each.
    pub const MOST: usize = 16;
    /// Texts of a token that are remembered: the two that it has, and some from before.
    pub const MOST_SECRETS: usize = 8;

    /// So many requests, at this time at the last.
    pub fn new(requests: u64, last_used: Option<Timestamp>) -> Self {
        Self { requests, last_used, ..Self::default() }
    }

    /// Both together: the sums, and the later of the times. What is older than [`Self::DAYS`] at the last
    /// use is dropped, and of more routes or peers than [`Self::MOST`] those that were seen last stay.
    #[must_use]
    pub fn and(mut self, other: Usage) -> Usage {
        self.requests = self.requests.saturating_add(other.requests);
        self.last_used = self.last_used.max(other.last_used);
        for (day, requests) in other.days {
            match self.days.binary_search_by_key(&day, |(day, _)| *day) {
                Ok(at) => self.days[at].1 = self.days[at].1.saturating_add(requests),
                Err(at) => self.days.insert(at, (day, requests)),
            }
        }
        if let Some(&(Day(last), _)) = self.days.last() {
            self.days.retain(|(Day(day), _)| day + Self::DAYS > last);
        }
        other.routes.into_iter().for_each(|seen| see(&mut self.routes, seen));
        other.peers.into_iter().for_each(|seen| see(&mut self.peers, seen));
        other.secrets.into_iter().for_each(|used| SecretUse::note(&mut self.secrets, used));
        self
    }

    /// The use of one of the token's texts since its rotation.
    pub fn of_secret(&self, number: u32) -> Option<&SecretUse> {
        self.secrets.iter().find(|used| used.number == number)
    }
}

impl SecretUse {
    /// Adds it up; of more than [`Usage::MOST_SECRETS`] those that were used last stay.
    pub fn note(all: &mut Vec<SecretUse>, one: SecretUse) {
        match all.binary_search_by_key(&one.number, |used| used.number) {
            Ok(at) => {
                all[at].requests = all[at].requests.saturating_add(one.requests);
                all[at].last = all[at].last.max(one.last);
            }
            Err(at) => all.insert(at, one),
        }
        if all.len() > Usage::MOST_SECRETS {
            let oldest = all.iter().enumerate().min_by_key(|(_, used)| used.last).map_or(0, |(at, _)| at);
            all.remove(oldest);
        }
    }
}

fn see<T: PartialEq>(all: &mut Vec<Seen<T>>, one: Seen<T>) {
    match all.iter_mut().find(|seen| seen.what == one.what) {
        Some(seen) => {
            seen.requests = seen.requests.saturating_add(one.requests);
            seen.last = seen.last.max(one.last);
        }
        None => all.push(one),
    }
    // The latest first, so that what is dropped was not seen for longest.
    all.sort_by_key(|seen| std::cmp::Reverse(seen.last));
    all.truncate(Usage::MOST);
}

/// The peer that an address is counted as: a client has a whole IPv6 /64, and an IPv4 address may be
/// written in the form of IPv6.
pub fn peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 => v4,
    }
}

/// The same as a number, for who counts by it.
pub fn peer_key(address: IpAddr) -> u128 {
    match peer(address) {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(network) => network.to_bits(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(day: u32) -> Timestamp {
        Timestamp::from_millis(Day(day).start().millis() + 5)
    }

    fn used(day: u32, route: &str, requests: u64) -> Usage {
        Usage {
            requests,
            last_used: Some(at(day)),
            days: vec![(Day(day), requests)],
            routes: vec![Seen { what: route.into(), requests, last: at(day) }],
            peers: vec![],
            secrets: vec![SecretUse { number: day - 19_990, requests, last: at(day) }],
        }
    }

    #[test]
    fn use_adds_up_by_day_and_by_route() {
        let sum = used(20_000, "b", 3).and(used(19_999, "a", 2)).and(used(20_000, "a", 1));
        assert_eq!((sum.requests, sum.last_used), (6, Some(at(20_000))));
        assert_eq!(sum.days, [(Day(19_999), 2), (Day(20_000), 4)]);
        let routes: Vec<_> = sum.routes.iter().map(|seen| (&*seen.what, seen.requests, seen.last)).collect();
        assert_eq!(routes, [("b", 3, at(20_000)), ("a", 3, at(20_000))]);
        assert_eq!(sum.of_secret(10), Some(&SecretUse { number: 10, requests: 4, last: at(20_000) }));
    }

    #[test]
    fn what_is_old_and_what_was_not_seen_for_longest_is_forgotten() {
        let mut sum = used(20_000, "first", 1);
        for day in 1..40 {
            sum = sum.and(used(20_000 + day, &format!("route {day}"), 1));
        }
        assert_eq!((sum.requests, sum.days.len(), sum.days[0].0), (40, 35, Day(20_005)));
        assert_eq!((sum.routes.len(), &*sum.routes[0].what), (16, "route 39"));
        assert!(!sum.routes.iter().any(|seen| &*seen.what == "first"));
        assert_eq!(sum.secrets.iter().map(|used| used.number).collect::<Vec<_>>(), [42, 43, 44, 45, 46, 47, 48, 49]);
    }

    #[test]
    fn a_peer_is_an_address_or_a_network() {
        let of = |text: &str| peer(text.parse().expect("an address")).to_string();
        assert_eq!(of("192.0.2.7"), "192.0.2.7");
        assert_eq!(of("::ffff:192.0.2.7"), "192.0.2.7");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}

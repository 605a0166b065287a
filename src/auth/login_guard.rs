//! How often somebody may try to log in: counted for each login and for each address.
//!
//! A login that does not exist counts like one that does, so nothing can be told from being refused.
//! Every try counts, also one that succeeds: a try has to be counted before its outcome is known, or
//! tries at the same time would all be free. While somebody else tries passwords on a login, its owner
//! may have to wait too; sessions and tokens that exist go on.

use std::net::IpAddr;
use std::time::Duration;

use crate::limit::{KeyedLimiter, LimitKey};
use crate::model::{Quota, peer_key};

/// Counts tries.
pub struct LoginGuard {
    by_login: KeyedLimiter,
    by_address: KeyedLimiter,
}

/// How many tries are free, and after what time another one is.
#[derive(Debug, Clone, Copy)]
pub struct LoginLimits {
    pub each_login: Quota,
    pub each_address: Quota,
}

/// Too many tries; the next one is looked at after so long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooOften(pub Duration);

impl Default for LoginLimits {
    /// Ten for a login and then one a minute, which is no hindrance for people; sixty for an address,
    /// from which a whole office may come.
    fn default() -> Self {
        let in_ten_minutes = |tries| Quota::new(tries, Duration::from_secs(600)).expect("a lawful quota");
        Self { each_login: in_ten_minutes(10), each_address: in_ten_minutes(60) }
    }
}

impl LoginGuard {
    pub fn new(limits: LoginLimits) -> Self {
        let LoginLimits { each_login, each_address } = limits;
        Self { by_login: KeyedLimiter::new(each_login), by_address: KeyedLimiter::new(each_address) }
    }

    /// Counts a try of `login`, which need not be one; `from` is `None` for who is known to be no stranger.
    pub fn charge(&self, login: &str, from: Option<IpAddr>) -> Result<(), TooOften> {
        // The address first: one that tries too often makes nobody else wait.
        from.map_or(Ok(()), |from| self.charge_address(from))?;
        self.by_login.charge(key_of_login(login)).map_err(TooOften)
    }

    /// Counts a try that names no login.
    pub fn charge_address(&self, from: IpAddr) -> Result<(), TooOften> {
        self.by_address.charge(peer_key(from)).map_err(TooOften)
    }

    /// Forgets who has not tried for a while. To be called every few seconds.
    pub fn prune(&self) {
        self.by_login.prune();
        self.by_address.prune();
    }
}

/// Upper and lower case are one login.
fn key_of_login(login: &str) -> LimitKey {
    let hash = blake3::hash(login.to_ascii_lowercase().as_bytes());
    let (first, _) = hash.as_bytes().split_first_chunk().expect("a hash has 32 bytes");
    LimitKey::from_le_bytes(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard() -> LoginGuard {
        let quota = |tries| Quota::new(tries, Duration::from_secs(3_600)).expect("a lawful quota");
        LoginGuard::new(LoginLimits { each_login: quota(2), each_address: quota(3) })
    }

    fn from(address: &str) -> Option<IpAddr> {
        Some(address.parse().expect("an address"))
    }

    #[test]
    fn a_login_is_slowed_from_wherever_it_is_tried_and_others_are_not() {
        let guard = guard();
        assert_eq!(guard.charge("ada", from("192.0.2.1")), Ok(()));
        assert_eq!(guard.charge("ADA", from("192.0.2.2")), Ok(()));
        let TooOften(wait) = guard.charge("ada", from("192.0.2.3")).expect_err("the third");
        assert!(wait > Duration::from_secs(1_700) && wait <= Duration::from_secs(1_800), "{wait:?}");
        assert!(guard.charge("ada", None).is_err(), "whoever asks");
        assert_eq!(guard.charge("bob", from("192.0.2.3")), Ok(()));
    }

    #[test]
    fn an_address_is_slowed_whatever_logins_it_tries_and_harms_nobody() {
        let guard = guard();
        for login in ["a", "b", "c"] {
            assert_eq!(guard.charge(login, from("2001:db8::1")), Ok(()));
        }
        for same in ["2001:db8::1", "2001:db8::ffff:1"] {
            for _ in 0..5 {
                assert!(guard.charge("ada", from(same)).is_err(), "{same}");
            }
        }
        assert_eq!(guard.charge("ada", from("2001:db8:0:1::1")), Ok(()), "another network; the login was not counted");
    }

    #[test]
    fn an_address_of_ipv4_is_one_in_either_spelling() {
        let guard = guard();
        for address in ["192.0.2.1", "::ffff:192.0.2.1", "192.0.2.1"] {
            assert_eq!(guard.charge_address(address.parse().expect("an address")), Ok(()));
        }
        assert!(guard.charge_address("::ffff:192.0.2.1".parse().expect("an address")).is_err());
        assert!(guard.charge_address("192.0.2.2".parse().expect("an address")).is_ok());
    }
}

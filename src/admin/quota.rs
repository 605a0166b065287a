//! How often the management API may be called, and the fields that tell it (`RateLimit-Policy` and
//! `RateLimit`, draft-ietf-httpapi-ratelimit-headers-11; `Retry-After`).
//!
//! A token has a quota, and so has an address from which somebody calls without one. Probes are never
//! refused: what they ask is whether the gateway works.

use std::net::IpAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};
use sfv::{KeyRef, ListSerializer, RefBareItem, StringRef};

use super::refusal::Refusal;
use crate::limit::{Left, LimitKey, ToldLimiter};
use crate::model::{Quota, TokenId, peer_key};

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is counted. `None`: any number.
#[derive(Default)]
pub struct AdminLimits {
    tokens: Option<ToldLimiter>,
    addresses: Option<ToldLimiter>,
}

/// What one request was told of its quota; clones are of the same request.
#[derive(Clone, Default)]
pub(super) struct Told(Arc<OnceLock<(&'static str, Left)>>);

impl AdminLimits {
    /// `each_address` holds for who presents no token that is known.
    pub fn new(each_token: Option<Quota>, each_address: Option<Quota>) -> Self {
        Self { tokens: each_token.map(ToldLimiter::new), addresses: each_address.map(ToldLimiter::new) }
    }

    /// Counts a request of the token.
    pub(super) fn charge_token(&self, id: TokenId, told: &Told) -> Result<(), Refusal> {
        charge(self.tokens.as_ref(), u128::from_be_bytes(id.to_bytes()), "token", told)
    }

    /// Counts a request of nobody who is known.
    pub(super) fn charge_address(&self, from: IpAddr, told: &Told) -> Result<(), Refusal> {
        charge(self.addresses.as_ref(), peer_key(from), "address", told)
    }

    /// Forgets who has not called for a while. To be called every few seconds.
    pub fn prune(&self) {
        self.tokens.iter().chain(&self.addresses).for_each(ToldLimiter::prune);
    }
}

fn charge(limiter: Option<&ToldLimiter>, key: LimitKey, policy: &'static str, told: &Told) -> Result<(), Refusal> {
    let Some(limiter) = limiter else { return Ok(()) };
    let (left, refused) = match limiter.charge(key) {
        Ok(left) => (left, None),
        Err(left) => (left, Some(Refusal::RateLimited { policy, wait: left.more_in })),
    };
    // Once a request: what is counted by address is not counted by token too.
    told.0.get_or_init(|| (policy, left));
    refused.map_or(Ok(()), Err)
}

impl Told {
    /// Puts the fields into an answer, if there is a quota.
    pub(super) fn write(&self, headers: &mut HeaderMap) {
        let Some((policy, left)) = self.0.get() else { return };
        let fields = [
            (
                RATELIMIT_POLICY,
                field(policy, &[("q", left.quota.requests().get().into()), ("w", seconds(left.quota.window()))]),
            ),
            (RATELIMIT, field(policy, &[("r", left.requests.into()), ("t", seconds(left.more_in))])),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                headers.insert(name, value);
            }
        }
    }
}

/// `"token";q=100;w=60`.
fn field(policy: &str, parameters: &[(&str, i64)]) -> Option<HeaderValue> {
    let mut list = ListSerializer::new();
    let mut item = list.bare_item(RefBareItem::String(StringRef::from_str(policy).ok()?));
    for (key, number) in parameters {
        item = item.parameter(KeyRef::from_str(key).ok()?, sfv::Integer::try_from(*number).ok()?);
    }
    HeaderValue::try_from(list.finish()?).ok()
}

/// Whole seconds, never too early.
fn seconds(time: Duration) -> i64 {
    i64::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(i64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_are_structured_fields() {
        let quota = Quota::new(100, Duration::from_millis(59_500)).expect("a quota");
        let told = Told::default();
        let left = Left { quota, requests: 7, more_in: Duration::from_millis(595) };
        told.0.set(("token", left)).expect("once");
        let mut headers = HeaderMap::new();
        told.write(&mut headers);
        assert_eq!(headers["ratelimit-policy"], "\"token\";q=100;w=60");
        assert_eq!(headers["ratelimit"], "\"token\";r=7;t=1");
    }
}

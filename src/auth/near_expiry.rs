//! The header that tells a client that its token is about to expire.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue};

use super::principal::Principal;
use crate::model::Timestamp;

/// Under which name, and how near an expiry has to be.
#[derive(Debug, Clone)]
pub struct NearExpiry {
    pub header: HeaderName,
    pub within: Duration,
}

impl NearExpiry {
    /// What a request with this token is told: when it expires (RFC 3339), if that is near and not past.
    /// For any other token it costs two comparisons.
    pub fn value(&self, principal: &Principal, now: Timestamp) -> Option<HeaderValue> {
        let expires = principal.token.expires?;
        if expires <= now || now.plus(self.within) < expires {
            return None;
        }
        Some(principal.identity.expires(expires).clone())
    }

    /// Sets the header, and takes away what anybody else put there.
    pub fn put(&self, headers: &mut HeaderMap, value: Option<HeaderValue>) {
        match value {
            Some(value) => drop(headers.insert(self.header.clone(), value)),
            None => drop(headers.remove(&self.header)),
        }
    }
}

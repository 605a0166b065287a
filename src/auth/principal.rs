//! Who a verified token stands for. What the cache holds.

use std::sync::Arc;

use http::HeaderValue;

use crate::limit::KeyedLimiter;
use crate::model::{Kind, Token};

/// A token whose secret was presented, with what every one of its requests needs made ready.
///
/// Says nothing about whether a request is allowed: state, dates and rights are looked at on every
/// request by [`super::authorize()`].
pub struct Principal {
    pub token: Token,
    pub identity: Identity,
    /// Its rate limit; `None`: unlimited.
    pub limiter: Option<Arc<KeyedLimiter>>,
}

/// The values of the identity headers that are the same for all requests of a token.
pub struct Identity {
    pub account: HeaderValue,
    pub token: HeaderValue,
    pub kind: HeaderValue,
    /// The user behind the token; empty where it is nobody's.
    pub subject: HeaderValue,
    /// What the token is limited to, as [`crate::model::Filters::to_form`] gives it; empty where it is not.
    pub filter: HeaderValue,
}

impl Principal {
    pub fn new(token: Token, limiter: Option<Arc<KeyedLimiter>>) -> Self {
        let identity = Identity {
            account: ascii(token.account.to_string()),
            token: ascii(token.id.to_string()),
            kind: kind_value(token.kind),
            subject: token.user.map_or(HeaderValue::from_static(""), |user| ascii(user.to_string())),
            filter: HeaderValue::try_from(token.filters.to_form()).expect("what is percent-encoded is ASCII"),
        };
        Self { token, identity, limiter }
    }
}

fn ascii(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("an id is base62 and an underscore")
}

fn kind_value(kind: Kind) -> HeaderValue {
    HeaderValue::from_static(kind.name())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::model::{AccountId, Digest, Grants, Revision, State, Timestamp, TokenId};

    /// An active service token without grants.
    pub(in crate::auth) fn principal() -> Arc<Principal> {
        Arc::new(Principal::new(token(Grants::default()), None))
    }

    pub(in crate::auth) fn token(grants: Grants) -> Token {
        Token {
            id: TokenId::fresh(),
            account: AccountId::fresh(),
            kind: Kind::Service,
            name: String::new(),
            description: String::new(),
            grants,
            roles: Vec::new(),
            user: None,
            filters: Default::default(),
            sealed: None,
            state: State::Active,
            not_before: None,
            expires: None,
            rate_limit: None,
            created: Timestamp::from_millis(0),
            created_by: None,
            hint: String::new(),
            digest: Digest::from_bytes([7; 32]),
            revision: Revision(1),
        }
    }
}

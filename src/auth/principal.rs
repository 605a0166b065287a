//! Who a verified token stands for. What the cache holds.

use std::sync::{Arc, OnceLock};

use http::HeaderValue;

use super::accounts::Accounts;
use super::users::{Owner, OwnerFault, Users};
use crate::limit::KeyedLimiter;
use crate::model::{Access, Digest, Grants, Kind, ResourceName, Secret, Timestamp, Token};

/// A token whose secret was presented, with what every one of its requests needs made ready.
///
/// Says nothing about whether a request is allowed: state, dates and rights are looked at on every
/// request by [`super::authorize()`].
pub struct Principal {
    pub token: Token,
    /// By which of its texts it was presented.
    pub secret: Secret,
    pub identity: Identity,
    /// Its rate limit; `None`: unlimited.
    pub limiter: Option<Arc<KeyedLimiter>>,
    /// By itself: its own grants, or those of its roles.
    granted: Grants,
    /// The user that it stands for, whose rights limit its own.
    owner: Option<Arc<Owner>>,
    /// Of an imported key that is known by its foreign hash: the digest that is to take that one's place.
    own: OnceLock<Digest>,
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
    /// Made when somebody is told of it for the first time, which for most tokens is never.
    expires: OnceLock<HeaderValue>,
}

impl Identity {
    pub(super) fn expires(&self, at: Timestamp) -> &HeaderValue {
        self.expires.get_or_init(|| ascii(at.to_string()))
    }
}

impl Principal {
    pub fn new(token: Token, secret: Secret, limiter: Option<Arc<KeyedLimiter>>, users: &Users) -> Self {
        let identity = Identity {
            account: ascii(token.account.to_string()),
            token: ascii(token.id.to_string()),
            kind: kind_value(token.kind),
            subject: token.user.map_or(HeaderValue::from_static(""), |user| ascii(user.to_string())),
            filter: HeaderValue::try_from(token.filters.to_form()).expect("what is percent-encoded is ASCII"),
            expires: OnceLock::new(),
        };
        let (granted, owner) = (granted(&token, users), users.owner(&token));
        Self { token, secret, identity, limiter, granted, owner, own: OnceLock::new() }
    }

    /// Of the text that it was presented by.
    pub fn digest(&self) -> &Digest {
        match (self.secret, &self.token.rotation) {
            (Secret::Old, Some(rotation)) => &rotation.old.digest,
            (Secret::Old, None) | (Secret::Present, _) => &self.token.digest,
        }
    }

    /// The digest of the imported key's text, once it was presented.
    pub(super) fn own(&self) -> Option<&Digest> {
        self.own.get()
    }

    /// Two texts with one hash would be a collision, so the first is the only one.
    pub(super) fn has_own(&self, digest: Digest) {
        let _ = self.own.set(digest);
    }

    /// Whether the text with this digest is the one that it was presented by.
    pub(super) fn is_of(&self, digest: &Digest) -> bool {
        self.token.secret_of(digest) == Some(self.secret)
    }

    /// What it may do on the resource by itself and by its user, before any ceiling.
    pub(super) fn access(&self, resource: &str) -> Result<Access, OwnerFault> {
        let own = self.granted.on(resource);
        match &self.owner {
            None => Ok(own),
            Some(owner) => owner.decide(&self.token, |grants| own.intersection(grants.on(resource))),
        }
    }

    /// Whether its user, if it has one, is in force.
    pub(super) fn check_owner(&self) -> Result<(), OwnerFault> {
        self.owner.as_ref().map_or(Ok(()), |owner| owner.decide(&self.token, |_| ()))
    }

    /// All that it may do in its own account at present, and so all that it may give. Nothing if its
    /// user or its account is not in force.
    pub fn effective(&self, accounts: &Accounts) -> Grants {
        let own = match &self.owner {
            None => Ok(self.granted.clone()),
            Some(owner) => owner.decide(&self.token, |grants| self.granted.limited_by(grants)),
        };
        let own = own.unwrap_or_default();
        accounts.look(|tree| tree.node(self.token.account).map(|node| node.limit_all(own)).unwrap_or_default())
    }
}

/// What the record gives. A shared token reads, whatever the record says.
pub(super) fn granted(token: &Token, users: &Users) -> Grants {
    let granted = if token.roles.is_empty() { token.grants.clone() } else { users.roles().grants(&token.roles) };
    match token.kind {
        Kind::Shared => granted.limited_by(&Grants::new([(ResourceName::every_api(), Access::READ)])),
        Kind::Personal | Kind::Service | Kind::Session => granted,
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
    use crate::model::{AccountId, Digest, Revision, State, Timestamp, TokenId};

    /// An active service token without grants.
    pub(in crate::auth) fn principal() -> Arc<Principal> {
        of(token(Grants::default()))
    }

    /// Of a token that is tied to nobody, or whose user is not there.
    pub(in crate::auth) fn of(token: Token) -> Arc<Principal> {
        Arc::new(Principal::new(token, Secret::Present, None, &Users::new(vec![], Arc::default())))
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
            labels: Default::default(),
            state: State::Active,
            not_before: None,
            expires: None,
            rate_limit: None,
            created: Timestamp::from_millis(0),
            created_by: None,
            hint: String::new(),
            digest: Digest::from_bytes([7; 32]),
            rotation: None,
            revision: Revision(1),
        }
    }
}

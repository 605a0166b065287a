//! The token record: everything that is known of a credential but its text.

use super::clock::Timestamp;
use super::digest::Digest;
use super::filters::Filters;
use super::grants::Grants;
use super::id::{AccountId, TokenId, UserId};
use super::labels::Labels;
use super::name::RoleName;
use super::quota::Quota;
use super::rotation::Rotation;

/// What a token is for; the letters stand in its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Owned by a user.
    Personal,
    /// Owned by an account, tied to nobody.
    Service,
    /// For people without a login: read only.
    Shared,
    /// Made by a login.
    Session,
}

impl Kind {
    pub const ALL: [Kind; 4] = [Kind::Personal, Kind::Service, Kind::Shared, Kind::Session];

    /// As it stands in the API, in the configuration and in `X-Keygate-Kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Personal => "personal",
            Kind::Service => "service",
            Kind::Shared => "shared",
            Kind::Session => "session",
        }
    }

    /// As it stands in the token text.
    pub const fn letters(self) -> &'static str {
        match self {
            Kind::Personal => "pat",
            Kind::Service => "svc",
            Kind::Shared => "shr",
            Kind::Session => "ses",
        }
    }

    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub fn from_letters(letters: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.letters() == letters)
    }
}

/// The number of a change: later changes have larger ones. The store gives them out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

/// What was last decided about a token. Expiry is not a state: it follows from the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Active,
    /// Refused until it is enabled again.
    Disabled,
    /// Refused for good.
    Revoked {
        at: Timestamp,
    },
}

/// What a token is worth at a moment: its state and its dates together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Active,
    Disabled,
    Revoked { at: Timestamp },
    Expired { at: Timestamp },
    NotYetValid { from: Timestamp },
}

impl Standing {
    /// Every name that [`Standing::name`] gives.
    pub const NAMES: [&'static str; 5] = ["active", "disabled", "revoked", "expired", "not_yet_valid"];

    /// As it stands in the API's `state`.
    pub const fn name(self) -> &'static str {
        match self {
            Standing::Active => "active",
            Standing::Disabled => "disabled",
            Standing::Revoked { .. } => "revoked",
            Standing::Expired { .. } => "expired",
            Standing::NotYetValid { .. } => "not_yet_valid",
        }
    }
}

/// A token as the store keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub id: TokenId,
    pub account: AccountId,
    pub kind: Kind,
    /// May be empty.
    pub name: String,
    /// May be empty.
    pub description: String,
    pub grants: Grants,
    /// In place of grants of its own: what these give at present. Empty where there are grants.
    pub roles: Vec<RoleName>,
    /// Whose it is, if it is a person's (personal, session): it can do what that person can, at most.
    pub user: Option<UserId>,
    /// Which part of the data it is limited to.
    pub filters: Filters,
    /// What people sort it by; they decide nothing.
    pub labels: Labels,
    pub state: State,
    pub not_before: Option<Timestamp>,
    /// `None`: never expires.
    pub expires: Option<Timestamp>,
    /// `None`: the configuration's default for tokens applies.
    pub rate_limit: Option<Quota>,
    pub created: Timestamp,
    /// The token that asked for this one; `None` for the first of an installation.
    pub created_by: Option<TokenId>,
    /// The last four characters of its text.
    pub hint: String,
    /// Under which its present text is looked up.
    pub digest: Digest,
    /// Its text, encrypted, where the account's policy lets its owner see it again.
    pub sealed: Option<Box<[u8]>>,
    /// What became of its texts; `None`: it was never rotated.
    pub rotation: Option<Box<Rotation>>,
    /// Of the change that wrote this record; the store sets it.
    pub revision: Revision,
}

impl Token {
    /// What the token is worth at `now`. A final state is named before a date, so that a token that
    /// was revoked and has expired since is still "revoked".
    pub fn standing(&self, now: Timestamp) -> Standing {
        match self.state {
            State::Revoked { at } => return Standing::Revoked { at },
            State::Active | State::Disabled => {}
        }
        if let Some(at) = self.expires.filter(|&at| at <= now) {
            return Standing::Expired { at };
        }
        if self.state == State::Disabled {
            return Standing::Disabled;
        }
        match self.not_before.filter(|&from| now < from) {
            Some(from) => Standing::NotYetValid { from },
            None => Standing::Active,
        }
    }
}

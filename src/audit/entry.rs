//! What an entry says: who did what to which object, from where, and how it ended.

use std::fmt;

use super::action::Action;
use super::change::Change;
use crate::model::{Account, AccountId, Kind, Token, TokenId, User, UserId};

/// Who did it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Actor {
    pub token: Option<TokenId>,
    pub user: Option<UserId>,
    pub account: Option<AccountId>,
    /// The gateway itself, or somebody at its command line.
    pub is_system: bool,
}

/// What it was done to. An object of no account concerns all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    pub kind: ObjectKind,
    pub id: String,
    pub account: Option<AccountId>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ObjectKind {
    Token,
    Session,
    Account,
    User,
    Member,
    Store,
    Audit,
    Gateway,
    Webhook,
    /// Of tokens.
    Leak,
    /// A call of the API, where no object is known.
    Endpoint,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It is about to be done. The entry that follows it says how it ended.
    Begun,
    Done,
    /// The one who asked lacks the right, or its token is not in force.
    Denied(&'static str),
    /// It had the right, and something else was wrong.
    Refused(&'static str),
    /// Nobody can tell whether it was done.
    Unknown(&'static str),
}

/// One entry before it has its place in the log.
#[derive(Debug, Clone)]
pub struct Entry {
    pub action: Action,
    pub actor: Actor,
    /// The peer's address; empty where nobody called.
    pub source: String,
    /// The request's id, or one that was made for it.
    pub request: String,
    pub object: Option<Object>,
    pub change: Change,
    pub outcome: Outcome,
}

impl Actor {
    pub fn system() -> Self {
        Self { is_system: true, ..Self::default() }
    }

    pub fn of(token: &Token) -> Self {
        Self { token: Some(token.id), user: token.user, account: Some(token.account), is_system: false }
    }

    /// A user that proved itself without a token.
    pub fn user(user: UserId, account: AccountId) -> Self {
        Self { user: Some(user), account: Some(account), ..Self::default() }
    }
}

impl Object {
    /// A session is a token that a login made.
    pub fn token(token: &Token) -> Self {
        let kind = if token.kind == Kind::Session { ObjectKind::Session } else { ObjectKind::Token };
        Self { kind, id: token.id.to_string(), account: Some(token.account) }
    }

    pub fn account(account: &Account) -> Self {
        Self { kind: ObjectKind::Account, id: account.id.to_string(), account: Some(account.id) }
    }

    /// Nobody reaches an account that is gone: that it is, concerns the one above.
    pub fn gone(account: &Account) -> Self {
        Self { account: account.parent, ..Self::account(account) }
    }

    pub fn user(user: &User) -> Self {
        Self { kind: ObjectKind::User, id: user.id.to_string(), account: Some(user.account) }
    }

    pub fn member(account: AccountId, user: UserId) -> Self {
        Self { kind: ObjectKind::Member, id: format!("{account}/{user}"), account: Some(account) }
    }

    /// One of a kind.
    pub fn whole(kind: ObjectKind) -> Self {
        Self { kind, id: kind.name().to_owned(), account: None }
    }

    pub fn of_id(kind: ObjectKind, id: impl fmt::Display) -> Self {
        Self { kind, id: id.to_string(), account: None }
    }
}

impl ObjectKind {
    const ALL: [Self; 11] = [
        Self::Token,
        Self::Session,
        Self::Account,
        Self::User,
        Self::Member,
        Self::Store,
        Self::Audit,
        Self::Gateway,
        Self::Webhook,
        Self::Leak,
        Self::Endpoint,
    ];

    pub(super) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Token => "token",
            Self::Session => "session",
            Self::Account => "account",
            Self::User => "user",
            Self::Member => "member",
            Self::Store => "store",
            Self::Audit => "audit",
            Self::Gateway => "gateway",
            Self::Webhook => "webhook",
            Self::Leak => "leak",
            Self::Endpoint => "endpoint",
        }
    }
}

impl Outcome {
    pub const NAMES: [&'static str; 5] = ["begun", "done", "denied", "refused", "unknown"];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Begun => "begun",
            Self::Done => "done",
            Self::Denied(_) => "denied",
            Self::Refused(_) => "refused",
            Self::Unknown(_) => "unknown",
        }
    }

    /// The code of the problem that was answered.
    pub const fn code(self) -> Option<&'static str> {
        match self {
            Self::Begun | Self::Done => None,
            Self::Denied(code) | Self::Refused(code) | Self::Unknown(code) => Some(code),
        }
    }
}

impl Entry {
    /// Something that the gateway did by itself, or that somebody did at its command line.
    pub fn system(action: Action, object: Object, change: Change) -> Self {
        Self {
            action,
            actor: Actor::system(),
            source: String::new(),
            request: uuid::Uuid::now_v7().to_string(),
            object: Some(object),
            change,
            outcome: Outcome::Done,
        }
    }
}

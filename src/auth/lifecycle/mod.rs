//! The whole life of tokens, accounts and users: the only way to change them.
//!
//! Every change is durable first, then known to every cache, and only then acknowledged. The three
//! steps run in a task of their own, so that a caller who hangs up between them cannot leave a change
//! durable and the cache unaware of it.
//!
//! Tokens are changed side by side ([`tokens`]): each has its own record. Accounts and users are changed
//! one at a time ([`turn`]), since what is lawful depends on the others: no two logins are the same, no
//! account is above itself, none loses its last owner.

mod accounts;
mod copies;
mod credentials;
mod find;
mod import;
mod once;
mod places;
mod purge;
mod rotation;
#[cfg(test)]
mod tests;
mod tokens;
mod told;
mod turn;
mod users;

use std::fmt;
use std::sync::Arc;

use tokio::sync::Mutex;

use super::accounts::Accounts;
use super::once::{Once, Register};
use super::seal::{SealError, Sealer};
use super::users::Users;
use super::verifier::Verifier;
use crate::model::{
    AccountId, Clock, LabelError, Login, Revision, RoleName, RotationFault, Timestamp, TokenId, UserId,
};
use crate::store::{CommitError, Store, StoreError};

pub use self::accounts::{AccountEdit, Below, NewAccount};
pub use self::import::{ForeignKey, Former, Imported};
pub use self::once::{Again, Asked, Asking};
pub use self::purge::PurgeLog;
pub use self::rotation::Rotate;
pub use self::tokens::{Edit, NewToken};
pub use self::told::{TokenChange, Told};
pub use self::users::{NewUser, UserEdit};

/// How often an edit that meets another one is tried again.
const TRIES: usize = 16;

/// Why a change did not happen.
#[derive(Debug, thiserror::Error)]
pub enum LifecycleError {
    #[error("there is no token {0}")]
    NoToken(TokenId),
    #[error("there is no account {0}")]
    NoAccount(AccountId),
    #[error("there is no user {0}")]
    NoUser(UserId),
    /// Revocation is final.
    #[error("token {0} is revoked, and that is final")]
    Revoked(TokenId),
    #[error("there is a user with the login {0} already")]
    LoginTaken(Login),
    #[error("there is no role {0}")]
    NoRole(RoleName),
    /// The new parent is the account itself, or one below it.
    #[error("account {0} would be above itself")]
    Circle(AccountId),
    /// Nobody would be left who may do everything.
    #[error("it is the last owner of account {0}")]
    LastOwner(AccountId),
    /// The account has something in it or below it.
    #[error("the account is not empty: {0}")]
    NotEmpty(Below),
    /// The one account that is above all others.
    #[error("the root account can be neither moved nor deleted")]
    Root,
    /// As many tokens of the account are active as may be.
    #[error("the account has {0} active tokens, and may not have more")]
    TooMany(u32),
    /// A text that is over cannot be exchanged for another.
    #[error("the token expired at {0}")]
    Expired(Timestamp),
    /// A session's text comes of a login.
    #[error("token {0} is a session")]
    Session(TokenId),
    #[error("the texts of the token stay as they are: {0:?}")]
    Rotation(RotationFault),
    #[error("a label {0}")]
    Labels(#[from] LabelError),
    #[error("there is no `reveal_key` in the configuration")]
    NoRevealKey,
    #[error(transparent)]
    Seal(#[from] SealError),
    /// It is not at the revision that was asked for.
    #[error("{0} was changed since it was read")]
    Stale(String),
    /// The same request is being done.
    #[error("the same request is under way")]
    UnderWay,
    /// The key of a request came with another one.
    #[error("the key was given with another request")]
    OtherRequest,
    #[error("{0}")]
    Conflict(String),
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes tokens, accounts and users. Cheap to clone.
#[derive(Clone)]
pub struct Lifecycle {
    store: Arc<dyn Store>,
    verifier: Verifier,
    accounts: Accounts,
    users: Users,
    clock: Clock,
    /// Held by the one change of accounts or users that is under way.
    turn: Arc<Mutex<()>>,
    /// Held by who makes a token in an account that may have only so many.
    places: Arc<Mutex<()>>,
    /// What encrypts copies of tokens; `None`: none is kept.
    sealer: Option<Arc<Sealer>>,
    expected: Option<Revision>,
    /// Who is told of every change of a token.
    told: Told,
    /// What is known of requests that may come again.
    requests: Arc<Register>,
    /// The one for which something is made.
    once: Option<Once>,
}

impl Lifecycle {
    pub fn new(store: Arc<dyn Store>, verifier: Verifier, accounts: Accounts, users: Users, clock: Clock) -> Self {
        Self {
            store,
            verifier,
            accounts,
            users,
            clock,
            turn: Arc::default(),
            places: Arc::default(),
            sealer: None,
            expected: None,
            told: Told::default(),
            requests: Arc::default(),
            once: None,
        }
    }

    /// The same, that changes an object only if it is at this revision; `None`: at any.
    pub fn at(&self, expected: Option<Revision>) -> Self {
        Self { expected, ..self.clone() }
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }
}

/// Refuses an object that is at another revision than it has to be.
fn is_at(expected: Option<Revision>, present: Revision, id: impl fmt::Display) -> Result<(), LifecycleError> {
    match expected {
        Some(expected) if expected != present => Err(LifecycleError::Stale(id.to_string())),
        _ => Ok(()),
    }
}

fn of_commit(error: CommitError) -> LifecycleError {
    match error {
        CommitError::Conflict(what) => LifecycleError::Conflict(what),
        CommitError::Store(error) => LifecycleError::Store(error),
    }
}

fn interrupted() -> StoreError {
    StoreError::Unavailable("the change was interrupted".into())
}

fn too_busy(what: impl std::fmt::Display) -> LifecycleError {
    LifecycleError::Conflict(format!("{what} was changed by others {TRIES} times while this change was tried"))
}

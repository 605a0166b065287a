//! What went wrong below the API, as the refusal that tells it.

use super::expiry;
use super::refusal::Refusal;
use crate::audit::{Unreadable, Unrecorded};
use crate::auth::{LifecycleError, PasswordError, SealError, TooOften};
use crate::model::RotationFault;
use crate::problem::FieldError;
use crate::store::StoreError;

impl From<LifecycleError> for Refusal {
    fn from(error: LifecycleError) -> Self {
        match error {
            LifecycleError::NoToken(_) => Refusal::NoSuch("token"),
            LifecycleError::NoAccount(_) => Refusal::NoSuch("account"),
            LifecycleError::NoUser(_) => Refusal::NoSuch("user"),
            LifecycleError::LoginTaken(_) => Refusal::LoginTaken,
            LifecycleError::NoRole(name) => Refusal::InvalidFields(vec![FieldError {
                field: "roles".into(),
                message: format!("there is no role `{name}`"),
            }]),
            LifecycleError::Labels(error) => {
                Refusal::InvalidFields(vec![FieldError { field: "labels".into(), message: error.to_string() }])
            }
            LifecycleError::Circle(_) => Refusal::AccountCircle(FieldError {
                field: "parent".into(),
                message: "is the account itself, or lies below it".into(),
            }),
            LifecycleError::LastOwner(_) => Refusal::LastOwner,
            LifecycleError::NotEmpty(below) => Refusal::AccountNotEmpty { below, name: String::new() },
            LifecycleError::Root => Refusal::RootAccount,
            LifecycleError::Revoked(_) => Refusal::AlreadyRevoked,
            LifecycleError::Expired(at) => Refusal::NotRotatable(format!(
                "the token expired at {at}, and another text would be as old; give it a later expiry first, or make \
                 another token"
            )),
            LifecycleError::Session(_) => {
                Refusal::NotRotatable("the token is a session: a login gives another one".to_owned())
            }
            LifecycleError::Rotation(RotationFault::Running { until }) => Refusal::OverlapRunning { until },
            LifecycleError::Rotation(RotationFault::NotRunning) => Refusal::NoOverlap,
            LifecycleError::Rotation(RotationFault::TooLong { max, until }) => {
                let most = expiry::spell(max);
                let message = format!("is too long: the old text is valid for {most} at most, which is until {until}");
                Refusal::InvalidFields(vec![FieldError { field: "by".into(), message }])
            }
            LifecycleError::TooMany(max) => Refusal::TooManyTokens(max),
            LifecycleError::NoRevealKey => Refusal::NoCopy("there is no `reveal_key` in the configuration"),
            LifecycleError::Seal(SealError::OtherKey) => {
                Refusal::NoCopy("the copy was made under another `reveal_key`, or was altered")
            }
            LifecycleError::Seal(SealError::Cipher) => Refusal::Broken("the cipher of copies failed"),
            LifecycleError::Stale(_) => Refusal::Stale,
            LifecycleError::UnderWay => Refusal::UnderWay,
            LifecycleError::OtherRequest => Refusal::OtherRequest,
            LifecycleError::Conflict(what) => Refusal::Conflict(what),
            LifecycleError::NoRandomness(what) => Refusal::NoRandomness(what),
            LifecycleError::Store(error) => error.into(),
        }
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Full(why) => Refusal::StoreFull(why),
            StoreError::Copying => Refusal::BackupRunning,
            StoreError::TooWide(most) => Refusal::InvalidQuery(vec![FieldError {
                field: "sort".into(),
                message: format!(
                    "cannot be done: there are more than {most} tokens; sort by `created`, account by account"
                ),
            }]),
            other => Refusal::Store(other),
        }
    }
}

impl From<Unrecorded> for Refusal {
    fn from(why: Unrecorded) -> Self {
        Refusal::Unrecorded { why, done: false }
    }
}

impl From<Unreadable> for Refusal {
    fn from(error: Unreadable) -> Self {
        Refusal::Failed(error.to_string())
    }
}

impl From<PasswordError> for Refusal {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Refusal::LoginsBusy,
            PasswordError::NoRandomness(what) => Refusal::NoRandomness(what),
            PasswordError::Broken(what) => Refusal::Failed(what),
        }
    }
}

impl From<TooOften> for Refusal {
    fn from(TooOften(wait): TooOften) -> Self {
        Refusal::TooOften { wait }
    }
}

//! What went wrong below the API, as the refusal that tells it.

use super::refusal::Refusal;
use crate::auth::{LifecycleError, PasswordError, TooOften};
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
            LifecycleError::Circle(_) => Refusal::AccountCircle,
            LifecycleError::LastOwner(_) => Refusal::LastOwner,
            LifecycleError::NotEmpty(below) => Refusal::AccountNotEmpty { below, name: String::new() },
            LifecycleError::Root => Refusal::RootAccount,
            LifecycleError::Revoked(_) => Refusal::AlreadyRevoked,
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
            other => Refusal::Store(other),
        }
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

//! Who sends a request, and may they: credential → token → principal → permit.
//!
//! [`bearer`] finds the one credential, [`Verifier`] answers what it is, [`authorize()`] alone makes a
//! [`Permit`]. [`Lifecycle`] is the only way to change tokens and accounts, so that no change can be
//! acknowledged before every cache has forgotten the old state.

mod accounts;
mod authorize;
mod cache;
mod credential;
mod explain;
mod lifecycle;
mod login_guard;
mod near_expiry;
mod once;
mod password;
mod principal;
mod recent;
mod rehash;
mod seal;
mod users;
mod verdict;
mod verifier;

pub use accounts::Accounts;
pub use authorize::{Bearer, Denial, Need, Permit, admit_any, admit_public, authorize, standing};
pub use cache::CacheOptions;
pub use credential::{CredentialError, after_scheme, bearer, token_text};
pub use explain::{Explanation, Rule, Step, explain};
pub use lifecycle::{
    AccountEdit, Again, Asked, Asking, Below, Edit, ForeignKey, Former, Imported, Lifecycle, LifecycleError,
    NewAccount, NewToken, NewUser, PurgeLog, Rotate, TokenChange, Told, UserEdit,
};
pub use login_guard::{LoginGuard, LoginLimits, TooOften};
pub use near_expiry::NearExpiry;
pub use once::Once;
pub use password::{Checked, Password, PasswordError, PasswordFault, PasswordRules, Passwords};
pub use principal::{Identity, Principal};
pub use recent::ThreadVerifier;
pub use seal::{SealError, Sealer};
pub use users::Users;
pub use verdict::{Answered, Source, Verdict, VerifyError};
pub use verifier::{Loader, Verifier, VerifierOptions};

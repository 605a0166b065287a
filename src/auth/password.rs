//! Passwords: what may be one, their hashes, and the check of one against its hash.
//!
//! Argon2id with 19 MiB, 2 passes and 1 lane, the second of the equally strong settings of OWASP's
//! Password Storage Cheat Sheet: RFC 9106 would take 64 MiB for each login, which is most of what a
//! gateway beside an application has. Salts of 16 bytes, hashes of 32, kept as PHC strings, so that a
//! later version may choose other numbers; a login brings the hash up to date.
//!
//! Hashing is slow on purpose, and none of it runs on a thread that serves requests: two at a time on
//! threads of their own, so that a flood of logins costs bounded memory and leaves the machine to others.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{ARGON2ID_IDENT, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zeroize::Zeroizing;

use crate::model::Login;

/// Hashed at a time; each takes 19 MiB meanwhile.
const AT_ONCE: usize = 2;
/// Those, and who may wait for them: about a second.
const ADMITTED: usize = 34;

/// A password as it was given. Has no `Display`, prints as dots, is wiped when dropped.
pub struct Password(Zeroizing<String>);

/// What a new password must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordRules {
    /// In characters.
    pub min_length: usize,
}

/// Why a text cannot be a password. The texts follow the name of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    #[error("has {has} characters; at least {min} are needed")]
    TooShort { has: usize, min: usize },
    #[error("is longer than {max} bytes", max = Password::MAX_BYTES)]
    TooLong,
    #[error("must not be the login")]
    IsLogin,
}

/// Why nothing can be said about a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    #[error("too many passwords wait to be checked")]
    Busy,
    #[error("the operating system gave no randomness: {0}")]
    NoRandomness(String),
    #[error("a password could not be hashed: {0}")]
    Broken(String),
}

/// What the check of a password came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checked {
    Wrong,
    Right {
        /// Its hash is of other parameters than those of today.
        outdated: bool,
    },
}

/// Hashes and checks passwords. Cheap to clone.
#[derive(Clone)]
pub struct Passwords {
    admitted: Arc<Semaphore>,
    working: Arc<Semaphore>,
    /// Of a password that nobody knows: what is checked where there is nothing to check, so that a
    /// login that does not exist takes as long as one that does.
    dummy: Arc<str>,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { min_length: 12 }
    }
}

impl Password {
    pub const MAX_BYTES: usize = 1_024;

    /// Taken as it is: nothing is cut off, and no character is refused.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// Whether it can be anybody's password at all.
    pub fn is_too_long(&self) -> bool {
        self.0.len() > Self::MAX_BYTES
    }

    /// Whether it may become the password of `login`.
    pub fn check(&self, login: &Login, rules: PasswordRules) -> Result<(), PasswordFault> {
        let (has, min) = (self.0.chars().count(), rules.min_length);
        if self.is_too_long() {
            Err(PasswordFault::TooLong)
        } else if has < min {
            Err(PasswordFault::TooShort { has, min })
        } else if self.0.eq_ignore_ascii_case(login.as_str()) {
            Err(PasswordFault::IsLogin)
        } else {
            Ok(())
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Passwords {
    /// Takes as long as the check of one password.
    pub fn new() -> Result<Self, PasswordError> {
        let mut unknown = Zeroizing::new([0u8; 32]);
        getrandom::fill(&mut *unknown).map_err(|e| PasswordError::NoRandomness(e.to_string()))?;
        let (admitted, working) = (Semaphore::new(ADMITTED), Semaphore::new(AT_ONCE));
        Ok(Self { admitted: admitted.into(), working: working.into(), dummy: hash(&*unknown)?.into() })
    }

    /// The hash to be stored, as a PHC string.
    pub async fn hash(&self, password: Arc<Password>) -> Result<String, PasswordError> {
        self.work(move || hash(password.0.as_bytes())).await
    }

    /// Whether `password` is the one that `stored` is of. Takes the same time where there is none.
    pub async fn check(&self, password: Arc<Password>, stored: Option<&str>) -> Result<Checked, PasswordError> {
        let (is_there, stored) = (stored.is_some(), stored.map_or_else(|| Arc::clone(&self.dummy), Arc::from));
        let checked = self.work(move || check(password.0.as_bytes(), &stored)).await?;
        Ok(if is_there { checked } else { Checked::Wrong })
    }

    /// Runs `job` on a thread of its own once it is its turn.
    async fn work<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> Result<T, PasswordError> + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let turn = Arc::clone(&self.working).acquire_owned().await.map_err(|_| PasswordError::Busy)?;
        // Held by the work itself: a caller that hangs up does not end it, and must not make it free.
        let held: [OwnedSemaphorePermit; 2] = [place, turn];
        let done = tokio::task::spawn_blocking(move || {
            let outcome = job();
            drop(held);
            outcome
        });
        done.await.unwrap_or_else(|error| Err(PasswordError::Broken(error.to_string())))
    }
}

fn hash(password: &[u8]) -> Result<String, PasswordError> {
    let mut salt = [0u8; argon2::RECOMMENDED_SALT_LEN];
    getrandom::fill(&mut salt).map_err(|e| PasswordError::NoRandomness(e.to_string()))?;
    let hashed: Result<PasswordHash, _> = Argon2::default().hash_password_with_salt(password, &salt);
    hashed.map(|hash| hash.to_string()).map_err(|error| PasswordError::Broken(error.to_string()))
}

fn check(password: &[u8], stored: &str) -> Result<Checked, PasswordError> {
    let broken = |error: &dyn fmt::Display| PasswordError::Broken(format!("the stored hash cannot be read: {error}"));
    let stored = PasswordHash::new(stored).map_err(|error| broken(&error))?;
    let params = Params::try_from(&stored).map_err(|error| broken(&error))?;
    match Argon2::default().verify_password(password, &stored) {
        Ok(()) => Ok(Checked::Right { outdated: !is_of_today(&stored, &params) }),
        Err(argon2::password_hash::Error::PasswordInvalid) => Ok(Checked::Wrong),
        Err(error) => Err(broken(&error)),
    }
}

fn is_of_today(stored: &PasswordHash, params: &Params) -> bool {
    let today = Params::DEFAULT;
    let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
    stored.algorithm == ARGON2ID_IDENT
        && stored.version == Some(Version::V0x13.into())
        && costs(params) == costs(&today)
        && stored.hash.is_some_and(|hash| hash.len() == Params::DEFAULT_OUTPUT_LEN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn password(text: &str) -> Arc<Password> {
        Arc::new(Password::new(text.to_owned()))
    }

    #[test]
    fn the_rules_say_what_is_wrong() {
        let ada: Login = "ada@example.org".parse().expect("a login");
        let check = |text: &str| password(text).check(&ada, PasswordRules::default());
        assert_eq!(check("correct horse"), Ok(()));
        assert_eq!(check(" \u{0}\t\n é ü — x "), Ok(()), "any characters, and none is cut off");
        assert_eq!(check("elf letters"), Err(PasswordFault::TooShort { has: 11, min: 12 }));
        assert_eq!(check("éééééééééééé"), Ok(()), "characters are counted, and not bytes");
        assert_eq!(check("Ada@Example.org"), Err(PasswordFault::IsLogin));
        assert_eq!(check(&"x".repeat(1_024)), Ok(()));
        assert_eq!(check(&"x".repeat(1_025)), Err(PasswordFault::TooLong));
    }

    #[test]
    fn a_password_does_not_print() {
        assert_eq!(format!("{:?}", password("correct horse")), "Password(…)");
    }

    #[tokio::test]
    async fn the_right_password_is_told_from_a_wrong_one_and_from_none() {
        let passwords = Passwords::new().expect("randomness");
        let stored = passwords.hash(password("correct horse")).await.expect("a hash");
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert_ne!(passwords.hash(password("correct horse")).await.expect("a hash"), stored, "salted");
        let check = async |text, stored| passwords.check(password(text), stored).await;
        assert_eq!(check("correct horse", Some(&*stored)).await, Ok(Checked::Right { outdated: false }));
        assert_eq!(check("correct horse ", Some(&*stored)).await, Ok(Checked::Wrong));
        assert_eq!(check("correct horse", None).await, Ok(Checked::Wrong));
        assert!(matches!(check("correct horse", Some("$argon2id$")).await, Err(PasswordError::Broken(_))));
    }

    #[tokio::test]
    async fn a_hash_of_other_parameters_is_outdated() {
        let passwords = Passwords::new().expect("randomness");
        let weaker = Argon2::new(Default::default(), Version::V0x13, Params::new(64, 1, 1, None).expect("lawful"));
        let stored: PasswordHash = weaker.hash_password_with_salt(b"correct horse", &[7; 16]).expect("a hash");
        let checked = passwords.check(password("correct horse"), Some(&stored.to_string())).await;
        assert_eq!(checked, Ok(Checked::Right { outdated: true }));
    }

    #[test]
    fn a_hash_is_outdated_by_anything_that_is_otherwise_today() {
        let (salt, long, short) = ("BwcHBwcHBwcHBwcHBwcHBw", "A".repeat(43), "A".repeat(22));
        for (is_of_today, head, hash) in [
            (true, "argon2id$v=19$m=19456,t=2,p=1", &long),
            (false, "argon2i$v=19$m=19456,t=2,p=1", &long),
            (false, "argon2id$v=16$m=19456,t=2,p=1", &long),
            (false, "argon2id$m=19456,t=2,p=1", &long),
            (false, "argon2id$v=19$m=19455,t=2,p=1", &long),
            (false, "argon2id$v=19$m=19456,t=3,p=1", &long),
            (false, "argon2id$v=19$m=19456,t=2,p=2", &long),
            (false, "argon2id$v=19$m=19456,t=2,p=1", &short),
        ] {
            let stored = PasswordHash::new(&format!("${head}${salt}${hash}")).unwrap_or_else(|e| panic!("{head}: {e}"));
            let params = Params::try_from(&stored).expect("lawful");
            assert_eq!(super::is_of_today(&stored, &params), is_of_today, "{head} {hash}");
        }
    }

    #[tokio::test]
    async fn more_than_may_wait_are_sent_away_and_the_others_are_answered() {
        let passwords = Passwords::new().expect("randomness");
        let checking = Arc::clone(&passwords.working).acquire_many_owned(AT_ONCE as u32).await.expect("it is open");
        let mut waiting = tokio::task::JoinSet::new();
        for _ in 0..ADMITTED {
            let passwords = passwords.clone();
            waiting.spawn(async move { passwords.check(password("x"), Some("$argon2id$")).await });
        }
        while passwords.admitted.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.check(password("x"), None).await, Err(PasswordError::Busy));
        drop(checking);
        while let Some(outcome) = waiting.join_next().await {
            assert!(matches!(outcome, Ok(Err(PasswordError::Broken(_)))), "{outcome:?}");
        }
        assert_eq!(passwords.check(password("x"), None).await, Ok(Checked::Wrong), "there is room again");
    }
}

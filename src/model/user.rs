//! Users: people, with what they may do in which accounts.

use std::fmt;
use std::str::FromStr;

use super::clock::Timestamp;
use super::digest::Digest;
use super::id::{AccountId, UserId};
use super::name::RoleName;
use super::token::Revision;

/// The name by which a person logs in; no two users have the same. In lower case.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Login(Box<str>);

/// A text that cannot be a login.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a login is 1 to 254 of a-z, 0-9, `.`, `_`, `-`, `+` and `@`, such as a mail address")]
pub struct LoginError;

impl Login {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Login {
    type Err = LoginError;

    /// Latin letters alone: with others, two logins could look the same and be different.
    fn from_str(text: &str) -> Result<Self, LoginError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'+' | b'@');
        if (1..=254).contains(&text.len()) && text.bytes().all(plain) {
            Ok(Self(text.to_ascii_lowercase().into()))
        } else {
            Err(LoginError)
        }
    }
}

impl fmt::Display for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a user's tokens work at present.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserState {
    Active,
    Disabled,
}

/// What a user is in an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    pub account: AccountId,
    pub roles: Vec<RoleName>,
}

/// That somebody may set the user's password once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Of the invitation's text, which is shown once.
    pub digest: Digest,
    pub expires: Timestamp,
}

/// A person. What its tokens may do follows from its memberships, at every request.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: UserId,
    /// Where the user was made, and is managed.
    pub account: AccountId,
    pub login: Login,
    /// For people; may be empty.
    pub name: String,
    /// An argon2id hash in PHC form; `None`: nobody can log in with a password.
    pub password: Option<String>,
    pub invitation: Option<Invitation>,
    pub state: UserState,
    /// At most one for each account.
    pub memberships: Vec<Membership>,
    /// Sessions that began before are over: the password was changed then.
    pub sessions_since: Timestamp,
    pub created: Timestamp,
    /// Of the change that wrote this record; the store sets it.
    pub revision: Revision,
}

impl User {
    /// The user's roles in that account; `None` where it is no member.
    pub fn roles_in(&self, account: AccountId) -> Option<&[RoleName]> {
        self.memberships.iter().find(|membership| membership.account == account).map(|found| &found.roles[..])
    }
}

impl fmt::Debug for User {
    /// Without the password's hash.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, account, login, state, memberships, revision, .. } = self;
        f.debug_struct("User")
            .field("id", id)
            .field("account", account)
            .field("login", login)
            .field("state", state)
            .field("memberships", memberships)
            .field("revision", revision)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logins_are_of_one_script_and_one_case() {
        assert_eq!("Ada@Example.org".parse::<Login>().map(|login| login.to_string()), Ok("ada@example.org".to_owned()));
        // The third has a Cyrillic а.
        for bad in ["", "a b", "\u{430}da", "ada\n", &"a".repeat(255)] {
            assert_eq!(bad.parse::<Login>(), Err(LoginError), "{bad:?}");
        }
    }
}

//! Who may begin a session: a person with login and password, or an application with a token of its own
//! that has the right to, for a user who may do no more than that token.
//!
//! What a stranger is told is the same, after the same time, whether there is no such login, it has no
//! password, or the password is wrong. The rest is told to who proved to know the password.

use std::sync::Arc;

use zeroize::Zeroizing;

use super::AdminState;
use super::caller::Caller;
use super::fields::Fields;
use super::members::find;
use super::passwords::{need, take};
use super::peer::Peer;
use super::recording::Recording;
use super::refusal::Refusal;
use super::users::has;
use crate::audit::Object;
use crate::auth::{Checked, Password};
use crate::model::{AccountId, User, UserId, UserState};
use crate::problem::FieldError;

/// More names in a message help nobody.
const MOST_NAMED: usize = 20;

/// Whose session may begin, and where.
pub(super) struct Admitted {
    pub(super) user: UserId,
    pub(super) account: AccountId,
    /// The hash that the password was found to match.
    pub(super) password: Option<String>,
}

/// What a request gives.
struct Asked {
    /// A login; for an application, a user's id too.
    who: Zeroizing<String>,
    password: Option<Arc<Password>>,
    account: Option<String>,
}

pub(super) async fn admit(
    fields: Fields,
    caller: Option<&Caller>,
    peer: Peer,
    recording: &Recording,
    state: &AdminState,
) -> Result<Admitted, Refusal> {
    let Asked { who, password, account } = Asked::of(fields, caller.is_some())?;
    let user = match caller {
        Some(_) => find(&who, state),
        None => who.parse().ok().and_then(|login| state.users.by_login(&login)),
    };
    // The login itself is not noted where there is no such user: people type passwords there, too.
    if let Some(user) = &user {
        recording.concerns(Object::user(user));
    }
    let password = match password {
        None => None,
        Some(password) => {
            // Of an application, and not of its users, is the address from which it calls.
            let from = if caller.is_some() { None } else { Some(peer.address()) };
            let counted = user.as_ref().map_or(who.as_str(), |user| user.login.as_str());
            state.login_guard.charge(counted, from)?;
            Some(check(password, user.as_ref(), peer, state).await?)
        }
    };
    let user = user.filter(|user| password.is_some() || caller.is_none_or(|caller| is_known(user, caller, state)));
    let user = user.ok_or_else(|| wrong("user", "there is no such user, or it is out of the token's reach"))?;
    if user.state == UserState::Disabled {
        return Err(Refusal::UserDisabled);
    }
    let account = choose(account.as_deref(), &user, caller, state)?;
    if !state.accounts.is_active(account) {
        return Err(Refusal::AccountSuspended);
    }
    if let Some(caller) = caller {
        has(user.roles_in(account).unwrap_or_default(), caller, state)?;
    }
    Ok(Admitted { user: user.id, account, password })
}

impl Asked {
    fn of(mut fields: Fields, by_application: bool) -> Result<Self, Refusal> {
        let login = fields.take_text("login").map(Zeroizing::new);
        let id = if by_application { fields.take_text("user").map(Zeroizing::new) } else { None };
        let password = take(&mut fields, "password");
        let account = fields.take_text("account");
        if login.is_some() && id.is_some() {
            fields.refuse("user", "stands beside `login`: one of them says who it is");
        }
        let who = login.or(id);
        let is_named = who.is_some() || fields.is_refused("user");
        need(&mut fields, "login", is_named);
        need(&mut fields, "password", password.is_some() || by_application);
        fields.finish()?;
        let who = who.ok_or(Refusal::Broken("a login that is needed was not missed"))?;
        Ok(Self { who, password, account })
    }
}

/// The hash that the password matches, brought up to date.
async fn check(
    password: Arc<Password>,
    user: Option<&User>,
    peer: Peer,
    state: &AdminState,
) -> Result<String, Refusal> {
    let stored = user.and_then(|user| user.password.as_deref());
    let checked = state.passwords.check(Arc::clone(&password), stored).await?;
    match (checked, user.zip(stored)) {
        (Checked::Right { outdated: false }, Some((_, stored))) => Ok(stored.to_owned()),
        (Checked::Right { outdated: true }, Some((user, stored))) => {
            let new = state.passwords.hash(password).await?;
            let user = state.lifecycle.rehash_password(user.id, stored.to_owned(), new).await?;
            user.password.ok_or(Refusal::LoginFailed { from: peer })
        }
        (Checked::Wrong, _) | (_, None) => Err(Refusal::LoginFailed { from: peer }),
    }
}

/// Whether the application may know that there is such a user.
fn is_known(user: &User, caller: &Caller, state: &AdminState) -> bool {
    user.memberships.iter().any(|of| state.accounts.reaches(caller.account(), of.account))
}

/// The account that is asked for, or the only one that there is; an application's reach bounds both.
fn choose(asked: Option<&str>, user: &User, caller: Option<&Caller>, state: &AdminState) -> Result<AccountId, Refusal> {
    let reaches = |account| caller.is_none_or(|caller| state.accounts.reaches(caller.account(), account));
    let possible: Vec<_> = user.memberships.iter().map(|of| of.account).filter(|&account| reaches(account)).collect();
    match (asked, &possible[..]) {
        (None, []) => Err(wrong("account", "the user is a member of no account")),
        (None, [only]) => Ok(*only),
        (None, several) => {
            let named = several.iter().take(MOST_NAMED).filter_map(|&id| state.accounts.get(id));
            let named: Vec<_> = named.map(|account| format!("{} ({})", account.id, account.name)).collect();
            let message = format!("is needed: the user is a member of {}: {}", several.len(), named.join(", "));
            Err(wrong("account", message))
        }
        (Some(asked), possible) => {
            let account = asked.parse().ok().filter(|account| possible.contains(account));
            account.ok_or_else(|| wrong("account", "there is no such account, or the user is no member of it"))
        }
    }
}

fn wrong(field: &str, message: impl Into<String>) -> Refusal {
    Refusal::InvalidFields(vec![FieldError { field: field.into(), message: message.into() }])
}

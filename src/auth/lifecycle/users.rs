//! Users and their memberships: make, edit, delete.

use super::turn::Turn;
use super::{Lifecycle, LifecycleError, is_at};
use crate::auth::Users;
use crate::model::{
    AccountId, Invitation, Login, MadeObject, Membership, Revision, RoleName, Timestamp, User, UserId, UserState,
};
use crate::store::{Expect, Write};

/// Who holds this role may do everything in an account, and no account that has one is left without.
const OWNER: &str = "owner";

/// What a creation of a user asks for. The caller has checked the giver's rights against `roles`.
#[derive(Clone)]
pub struct NewUser {
    /// Where the user is managed.
    pub account: AccountId,
    pub login: Login,
    pub name: String,
    /// A hash in PHC form.
    pub password: Option<String>,
    /// In `account`; empty: it is no member of it.
    pub roles: Vec<RoleName>,
}

/// What an edit of a user changes; `None` leaves a field as it is.
#[derive(Clone, Default)]
pub struct UserEdit {
    pub name: Option<String>,
    pub state: Option<UserState>,
    /// A hash in PHC form. Ends every session that began before, and takes the invitation back.
    pub password: Option<String>,
    pub invitation: Option<Option<Invitation>>,
}

impl Lifecycle {
    pub async fn create_user(&self, new: NewUser) -> Result<User, LifecycleError> {
        let lifecycle = self.clone();
        self.in_turn(async move |turn: Turn| {
            turn.account(new.account)?;
            known_roles(&turn.users, &new.roles)?;
            if turn.users.by_login(&new.login).is_some() {
                return Err(LifecycleError::LoginTaken(new.login));
            }
            let memberships = if new.roles.is_empty() {
                Vec::new()
            } else {
                vec![Membership { account: new.account, roles: new.roles }]
            };
            let user = User {
                id: UserId::fresh(),
                account: new.account,
                login: new.login,
                name: new.name,
                password: new.password,
                invitation: None,
                state: UserState::Active,
                memberships,
                sessions_since: Timestamp::from_millis(0),
                created: turn.now,
                revision: Revision::default(),
            };
            let note = lifecycle.noted(MadeObject::User(user.id), None)?;
            turn.put_user_with(user, Expect::Absent, note).await
        })
        .await
    }

    pub async fn edit_user(&self, id: UserId, edit: UserEdit) -> Result<User, LifecycleError> {
        self.change_user(id, move |turn, user| {
            if edit.state == Some(UserState::Disabled) {
                for membership in &user.memberships {
                    leaves_an_owner(&turn.users, user, membership.account)?;
                }
            }
            if let Some(name) = edit.name {
                user.name = name;
            }
            user.state = edit.state.unwrap_or(user.state);
            if let Some(password) = edit.password {
                (user.password, user.invitation, user.sessions_since) = (Some(password), None, turn.now);
            }
            user.invitation = edit.invitation.unwrap_or(user.invitation.take());
            Ok(())
        })
        .await
    }

    /// Sets the password that an invitation was for, if that is still the user's invitation: one
    /// invitation sets one password.
    pub async fn accept_invitation(
        &self,
        id: UserId,
        invitation: Invitation,
        password: String,
    ) -> Result<User, LifecycleError> {
        self.change_user(id, move |turn, user| {
            if user.invitation.as_ref() != Some(&invitation) {
                return Err(LifecycleError::Conflict(format!("the invitation of {id}")));
            }
            (user.password, user.invitation, user.sessions_since) = (Some(password), None, turn.now);
            Ok(())
        })
        .await
    }

    /// Puts a hash of the same password in the place of an older one; sessions go on.
    pub async fn rehash_password(&self, id: UserId, old: String, new: String) -> Result<User, LifecycleError> {
        self.change_user(id, move |_, user| {
            if user.password.as_ref() == Some(&old) {
                user.password = Some(new);
            }
            Ok(())
        })
        .await
    }

    /// Makes the user a member of the account with these roles, or gives a member others.
    pub async fn set_member(
        &self,
        id: UserId,
        account: AccountId,
        roles: Vec<RoleName>,
    ) -> Result<User, LifecycleError> {
        let note = self.noted(MadeObject::Member(account, id), None)?;
        self.change_user_with(id, note, move |turn, user| {
            turn.account(account)?;
            known_roles(&turn.users, &roles)?;
            if !roles.iter().any(is_owner) {
                leaves_an_owner(&turn.users, user, account)?;
            }
            match user.memberships.iter_mut().find(|membership| membership.account == account) {
                Some(membership) => membership.roles = roles,
                None => user.memberships.push(Membership { account, roles }),
            }
            Ok(())
        })
        .await
    }

    /// Leaves a user who is no member as it is.
    pub async fn remove_member(&self, id: UserId, account: AccountId) -> Result<User, LifecycleError> {
        self.change_user(id, move |turn, user| {
            leaves_an_owner(&turn.users, user, account)?;
            user.memberships.retain(|membership| membership.account != account);
            Ok(())
        })
        .await
    }

    /// Removes the user. Its tokens are worth nothing from then on.
    pub async fn delete_user(&self, id: UserId) -> Result<(), LifecycleError> {
        let expected = self.expected;
        self.in_turn(async move |turn: Turn| {
            let user = turn.user(id)?;
            is_at(expected, user.revision, id)?;
            for membership in &user.memberships {
                leaves_an_owner(&turn.users, &user, membership.account)?;
            }
            turn.delete_user(&user).await
        })
        .await
    }

    async fn change_user(
        &self,
        id: UserId,
        apply: impl FnOnce(&Turn, &mut User) -> Result<(), LifecycleError> + Send + 'static,
    ) -> Result<User, LifecycleError> {
        self.change_user_with(id, None, apply).await
    }

    /// The same, and writes something else with it.
    async fn change_user_with(
        &self,
        id: UserId,
        also: Option<Write>,
        apply: impl FnOnce(&Turn, &mut User) -> Result<(), LifecycleError> + Send + 'static,
    ) -> Result<User, LifecycleError> {
        let expected = self.expected;
        self.in_turn(async move |turn: Turn| {
            let present = turn.user(id)?;
            is_at(expected, present.revision, id)?;
            let mut changed = present.clone();
            apply(&turn, &mut changed)?;
            if changed == present {
                return Ok(present);
            }
            turn.put_user_with(changed, Expect::Revision(present.revision), also).await
        })
        .await
    }
}

fn is_owner(role: &RoleName) -> bool {
    role.as_str() == OWNER
}

fn known_roles(users: &Users, roles: &[RoleName]) -> Result<(), LifecycleError> {
    match users.roles().unknown(roles).first() {
        Some(unknown) => Err(LifecycleError::NoRole((*unknown).clone())),
        None => Ok(()),
    }
}

/// Refuses where `user` is the only active owner of the account.
fn leaves_an_owner(users: &Users, user: &User, account: AccountId) -> Result<(), LifecycleError> {
    let owns = |user: &User| {
        user.state == UserState::Active && user.roles_in(account).is_some_and(|roles| roles.iter().any(is_owner))
    };
    if owns(user) && !users.members(account).iter().any(|other| other.id != user.id && owns(other)) {
        return Err(LifecycleError::LastOwner(account));
    }
    Ok(())
}

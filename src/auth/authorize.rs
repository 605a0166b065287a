//! May this principal do this? The only place that makes a [`Permit`].

use std::sync::Arc;

use super::accounts::{Accounts, Tree};
use super::principal::Principal;
use super::users::OwnerFault;
use crate::model::{Access, AccountId, Action, ResourceName, Secret, Standing, Timestamp};

/// What a request needs in order to go on.
#[derive(Debug, Clone, Copy)]
pub struct Need<'a> {
    pub resource: &'a ResourceName,
    pub action: Action,
    /// The account that the request is about; `None`: the token's own.
    pub target: Option<AccountId>,
}

/// The proof that one request may go on. Has no public constructor but the three functions of this
/// file, is not `Clone`, and is consumed by what it permits.
pub struct Permit {
    bearer: Option<Bearer>,
}

/// On whose behalf a permitted request is made.
pub struct Bearer {
    pub principal: Arc<Principal>,
    /// The account that the request is about.
    pub account: AccountId,
    /// All that the token may do on the resource.
    pub access: Access,
}

/// Why a known token may not do this. The last two are of the request, the others of the token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denial {
    Disabled,
    Revoked {
        at: Timestamp,
    },
    Expired {
        at: Timestamp,
    },
    NotYetValid {
        from: Timestamp,
    },
    /// The text is one that the token had before, or for a while, and is good no more.
    Rotated {
        at: Timestamp,
    },
    /// The token's account, or one above it, is suspended or gone.
    AccountSuspended,
    /// The user behind the token is disabled, gone, or no member of the account any more.
    OwnerInactive,
    /// The target account is not within the token's reach.
    OutOfReach,
    /// The token's grants, its user's or a ceiling do not cover the action.
    Insufficient {
        has: Access,
    },
}

/// Decides for a token. Called on every request, also where the principal came from the cache.
pub fn authorize(
    principal: Arc<Principal>,
    need: Need<'_>,
    accounts: &Accounts,
    now: Timestamp,
) -> Result<Permit, Denial> {
    let (account, access) = accounts.look(|tree| decide(&principal, need, tree, now))?;
    if !access.allows(need.action) {
        return Err(Denial::Insufficient { has: access });
    }
    Ok(Permit { bearer: Some(Bearer { principal, account, access }) })
}

/// The account that the request is about, and what the token may do on the resource there: its own
/// rights, those of its user, and the ceilings of that account and of all above it, together.
fn decide(principal: &Principal, need: Need<'_>, tree: &Tree, now: Timestamp) -> Result<(AccountId, Access), Denial> {
    let (token, resource) = (&principal.token, need.resource.as_str());
    in_force(principal, now)?;
    let own = tree.node(token.account).filter(|node| node.active).ok_or(Denial::AccountSuspended)?;
    let access = principal.access(resource).map_err(of_owner)?;
    match need.target.filter(|target| *target != token.account) {
        None => Ok((token.account, own.limit(resource, access))),
        Some(target) => {
            let node = tree.node(target).filter(|node| node.active && tree.reaches(token.account, target));
            Ok((target, node.ok_or(Denial::OutOfReach)?.limit(resource, access)))
        }
    }
}

/// Decides for a request that needs a token in force and no right, such as to ask who one is.
pub fn admit_any(principal: Arc<Principal>, accounts: &Accounts, now: Timestamp) -> Result<Permit, Denial> {
    standing(&principal, accounts, now)?;
    let account = principal.token.account;
    Ok(Permit { bearer: Some(Bearer { principal, account, access: Access::NONE }) })
}

/// Whether the token is worth anything at present, whatever it asks for.
pub fn standing(principal: &Principal, accounts: &Accounts, now: Timestamp) -> Result<(), Denial> {
    in_force(principal, now)?;
    if !accounts.is_active(principal.token.account) {
        return Err(Denial::AccountSuspended);
    }
    principal.check_owner().map_err(of_owner)
}

/// What the token is worth, and then the text that it was presented by.
fn in_force(principal: &Principal, now: Timestamp) -> Result<(), Denial> {
    match principal.token.standing(now) {
        Standing::Active => match principal.secret {
            Secret::Present => Ok(()),
            Secret::Old => {
                // An old text that the token does not have is good for nothing.
                let over = principal.token.rotation.as_ref().map_or(Some(now), |rotation| rotation.old.over(now));
                over.map_or(Ok(()), |at| Err(Denial::Rotated { at }))
            }
        },
        Standing::Disabled => Err(Denial::Disabled),
        Standing::Revoked { at } => Err(Denial::Revoked { at }),
        Standing::Expired { at } => Err(Denial::Expired { at }),
        Standing::NotYetValid { from } => Err(Denial::NotYetValid { from }),
    }
}

fn of_owner(fault: OwnerFault) -> Denial {
    match fault {
        OwnerFault::Inactive => Denial::OwnerInactive,
        OwnerFault::Ended { at } => Denial::Revoked { at },
    }
}

/// Decides for a request to what the configuration declares public: on nobody's behalf.
pub fn admit_public() -> Permit {
    Permit { bearer: None }
}

impl Permit {
    /// Whom the request is permitted for; `None` where it needed nobody.
    pub fn bearer(&self) -> Option<&Bearer> {
        self.bearer.as_ref()
    }

    /// What is left of a permit that was used: on whose behalf. It permits nothing.
    pub fn into_bearer(self) -> Option<Bearer> {
        self.bearer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::principal::tests::{of, token};
    use crate::model::{Account, AccountState, Grants, Revision, State, Token};

    const NOW: Timestamp = Timestamp::from_millis(1_000_000);

    fn account(id: AccountId) -> Account {
        let (name, created) = (String::new(), Timestamp::from_millis(0));
        Account {
            id,
            parent: None,
            name,
            state: AccountState::Active,
            visible_to_parent: true,
            ceiling: None,
            plan: None,
            policy: None,
            labels: Default::default(),
            created,
            revision: Revision(1),
        }
    }

    fn decide(change: impl FnOnce(&mut Token), action: Action) -> Result<Access, Denial> {
        let devices: ResourceName = "devices".parse().expect("a name");
        let mut token = token(Grants::new([(devices.clone(), Access::READ)]));
        let accounts = Accounts::new(vec![account(token.account)]);
        change(&mut token);
        let need = Need { resource: &devices, action, target: None };
        let permit = authorize(of(token), need, &accounts, NOW)?;
        Ok(permit.bearer().expect("a bearer").access)
    }

    #[test]
    fn what_is_granted_is_permitted_and_nothing_else() {
        assert_eq!(decide(|_| {}, Action::Read), Ok(Access::READ));
        for action in [Action::Create, Action::Update, Action::Delete] {
            assert_eq!(decide(|_| {}, action), Err(Denial::Insufficient { has: Access::READ }));
        }
    }

    #[test]
    fn each_state_and_date_is_looked_at() {
        let at = Timestamp::from_millis(5);
        assert_eq!(decide(|t| t.state = State::Disabled, Action::Read), Err(Denial::Disabled));
        assert_eq!(decide(|t| t.state = State::Revoked { at }, Action::Read), Err(Denial::Revoked { at }));
        assert_eq!(
            decide(|t| t.expires = Some(NOW), Action::Read),
            Err(Denial::Expired { at: NOW }),
            "expired at that very moment"
        );
        let later = Timestamp::from_millis(NOW.millis() + 1);
        assert!(decide(|t| t.expires = Some(later), Action::Read).is_ok());
        assert_eq!(decide(|t| t.not_before = Some(later), Action::Read), Err(Denial::NotYetValid { from: later }));
        assert!(decide(|t| t.not_before = Some(NOW), Action::Read).is_ok());
        assert_eq!(decide(|t| t.account = AccountId::fresh(), Action::Read), Err(Denial::AccountSuspended));
    }

    #[test]
    fn a_token_without_grants_is_admitted_where_none_is_needed_and_only_in_force() {
        let mut token = token(Grants::default());
        let accounts = Accounts::new(vec![account(token.account)]);
        let admit = |token: &Token| admit_any(of(token.clone()), &accounts, NOW).err();
        assert_eq!(admit(&token), None);
        token.state = State::Disabled;
        assert_eq!(admit(&token), Some(Denial::Disabled));
        (token.state, token.account) = (State::Active, AccountId::fresh());
        assert_eq!(admit(&token), Some(Denial::AccountSuspended));
    }

    #[test]
    fn a_foreign_account_is_out_of_reach() {
        let devices: ResourceName = "devices".parse().expect("a name");
        let token = token(Grants::new([(ResourceName::every_api(), Access::FULL)]));
        let other = AccountId::fresh();
        let accounts = Accounts::new(vec![account(token.account), account(other)]);
        let need = Need { resource: &devices, action: Action::Read, target: Some(other) };
        let denied = authorize(of(token), need, &accounts, NOW).err();
        assert_eq!(denied, Some(Denial::OutOfReach));
    }
}

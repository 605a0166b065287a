//! May this principal do this? The only place that makes a [`Permit`].

use std::sync::Arc;

use super::accounts::Accounts;
use super::principal::Principal;
use crate::model::{Access, AccountId, Action, ResourceName, Standing, Timestamp};

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

/// Why a known token may not do this. The first four are of the token, the others of the request.
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
    /// The token's account, or one above it, is suspended or gone.
    AccountSuspended,
    /// The target account is not within the token's reach.
    OutOfReach,
    /// The token's grants do not cover the action.
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
    standing(&principal, accounts, now)?;
    let token = &principal.token;
    let account = match need.target {
        None => token.account,
        Some(target) if target == token.account => target,
        Some(target) if accounts.reaches(token.account, target) && accounts.is_active(target) => target,
        Some(_) => return Err(Denial::OutOfReach),
    };
    let access = token.grants.on(need.resource.as_str());
    if !access.allows(need.action) {
        return Err(Denial::Insufficient { has: access });
    }
    Ok(Permit { bearer: Some(Bearer { principal, account, access }) })
}

/// Decides for a request that needs a token in force and no right, such as to ask who one is.
pub fn admit_any(principal: Arc<Principal>, accounts: &Accounts, now: Timestamp) -> Result<Permit, Denial> {
    standing(&principal, accounts, now)?;
    let account = principal.token.account;
    Ok(Permit { bearer: Some(Bearer { principal, account, access: Access::NONE }) })
}

/// Whether the token is worth anything at present, whatever it asks for.
pub fn standing(principal: &Principal, accounts: &Accounts, now: Timestamp) -> Result<(), Denial> {
    match principal.token.standing(now) {
        Standing::Active if accounts.is_active(principal.token.account) => Ok(()),
        Standing::Active => Err(Denial::AccountSuspended),
        Standing::Disabled => Err(Denial::Disabled),
        Standing::Revoked { at } => Err(Denial::Revoked { at }),
        Standing::Expired { at } => Err(Denial::Expired { at }),
        Standing::NotYetValid { from } => Err(Denial::NotYetValid { from }),
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::principal::tests::token;
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
        let permit = authorize(Arc::new(Principal::new(token, None)), need, &accounts, NOW)?;
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
        let admit = |token: &Token| admit_any(Arc::new(Principal::new(token.clone(), None)), &accounts, NOW).err();
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
        let denied = authorize(Arc::new(Principal::new(token, None)), need, &accounts, NOW).err();
        assert_eq!(denied, Some(Denial::OutOfReach));
    }
}

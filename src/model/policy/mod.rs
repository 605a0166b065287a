//! Policies: the rules for an account's tokens, and for those of the accounts below it.
//!
//! Which kinds there may be, how many, what they are called, how long they live, what may be edited, how
//! a deletion is confirmed. All of it is data; who acts asks and enforces.

mod naming;
mod warning;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

pub use self::naming::{NamePattern, NamePatternError, NameRules};
pub use self::warning::{Subject, WarnRules, Warning};
use super::account::Account;
use super::event::LeakAction;
use super::grants::Grants;
use super::name::{PlanName, PolicyName};
use super::token::Kind;

const DAY: Duration = Duration::from_secs(86_400);

/// The rules for the tokens of an account.
#[derive(Debug, Clone)]
pub struct Policy {
    pub name: PolicyName,
    pub description: String,
    /// What tokens there may be, where the account's plan is not in `plans`.
    pub kinds: Vec<Kind>,
    /// What tokens there may be in an account with this plan.
    pub plans: BTreeMap<PlanName, Vec<Kind>>,
    /// Tokens of one account that are neither expired nor revoked, sessions aside; `None`: any number.
    pub max_active: Option<u32>,
    pub naming: NameRules,
    pub description_required: bool,
    pub expiry: ExpiryRules,
    /// What of a token may be changed after its creation.
    pub mutable: Vec<Field>,
    pub reveal: Reveal,
    pub rotation: RotationRules,
    pub delete_confirm: DeleteConfirm,
    /// A token that was used within this time is deleted only by who acknowledges that; `None`: by anybody.
    pub dependency_window: Option<Duration>,
    /// A shared token without a filter is refused; else it draws a warning.
    pub shared_requires_filter: bool,
    /// How long a login lasts.
    pub session_lifetime: Duration,
    /// In characters.
    pub password_min_length: usize,
    /// How long an expired token stays listed; `None`: until it is deleted.
    pub purge_expired_after: Option<Duration>,
    /// A token that an account has from its creation.
    pub account_token: Option<AccountToken>,
    /// For a token whose text was found where it does not belong.
    pub leak_action: LeakAction,
    pub warn: WarnRules,
}

/// How long tokens live.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExpiryRules {
    /// If there are any: the only lengths that may be chosen.
    pub presets: Vec<Duration>,
    /// For a creation that names no expiry; `None`: it does not expire.
    pub default: Option<Duration>,
    /// `None`: any length.
    pub max: Option<Duration>,
    pub allow_never: bool,
}

/// Whether tokens get other texts, and how long the one before is good then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotationRules {
    pub allowed: bool,
    /// For a rotation that says nothing; zero: the old text ends at once.
    pub overlap: Duration,
    /// Zero: there is no overlap.
    pub max_overlap: Duration,
}

impl Default for RotationRules {
    /// A day, which is time enough to put the new text in place, and a week at most.
    fn default() -> Self {
        Self { allowed: true, overlap: DAY, max_overlap: 7 * DAY }
    }
}

/// What of a token's record can be edited, if the policy allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    Name,
    Description,
    Grants,
    Roles,
    Filters,
    Labels,
    Expires,
    RateLimit,
}

/// How often a token's text can be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reveal {
    /// In the answer to its creation.
    Once,
    /// Again later, by who may: an encrypted copy is kept.
    Retrievable,
}

/// What a deletion asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeleteConfirm {
    Nothing,
    Yes,
    /// The token's name.
    Name,
}

/// A service token that is made together with its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountToken {
    pub name: String,
    pub grants: Grants,
}

impl Field {
    pub const ALL: [Field; 8] = [
        Field::Name,
        Field::Description,
        Field::Grants,
        Field::Roles,
        Field::Filters,
        Field::Labels,
        Field::Expires,
        Field::RateLimit,
    ];

    /// As it stands in the API.
    pub const fn name(self) -> &'static str {
        match self {
            Field::Name => "name",
            Field::Description => "description",
            Field::Grants => "grants",
            Field::Roles => "roles",
            Field::Filters => "filters",
            Field::Labels => "labels",
            Field::Expires => "expires",
            Field::RateLimit => "rate_limit",
        }
    }
}

impl Reveal {
    pub const fn name(self) -> &'static str {
        match self {
            Reveal::Once => "once",
            Reveal::Retrievable => "retrievable",
        }
    }
}

impl DeleteConfirm {
    pub const fn name(self) -> &'static str {
        match self {
            DeleteConfirm::Nothing => "none",
            DeleteConfirm::Yes => "yes",
            DeleteConfirm::Name => "name",
        }
    }
}

impl Policy {
    /// What holds where nothing is configured: everything is allowed, and tokens live as `expiry` says.
    pub fn lenient(name: PolicyName, expiry: ExpiryRules) -> Self {
        Self {
            name,
            description: String::new(),
            kinds: Kind::ALL.to_vec(),
            plans: BTreeMap::new(),
            max_active: None,
            naming: NameRules::default(),
            description_required: false,
            expiry,
            mutable: Field::ALL.to_vec(),
            reveal: Reveal::Once,
            rotation: RotationRules::default(),
            delete_confirm: DeleteConfirm::Nothing,
            dependency_window: None,
            shared_requires_filter: false,
            session_lifetime: 90 * DAY,
            password_min_length: 12,
            purge_expired_after: None,
            account_token: None,
            leak_action: LeakAction::default(),
            warn: WarnRules::default(),
        }
    }

    /// What tokens an account with this plan may have.
    pub fn kinds(&self, plan: Option<&PlanName>) -> &[Kind] {
        plan.and_then(|plan| self.plans.get(plan)).unwrap_or(&self.kinds)
    }
}

/// All policies that there are, each of which some account may name.
#[derive(Debug, Clone)]
pub struct Policies {
    named: BTreeMap<PolicyName, Arc<Policy>>,
    default: Arc<Policy>,
}

impl Policies {
    /// The name of the policy that holds where no account on the way up names one.
    pub const DEFAULT: &str = "default";

    /// `default` holds where no account names one of `named`.
    pub fn new(default: Policy, named: impl IntoIterator<Item = Policy>) -> Self {
        let default = Arc::new(default);
        let mut named: BTreeMap<_, _> =
            named.into_iter().map(|policy| (policy.name.clone(), Arc::new(policy))).collect();
        named.insert(default.name.clone(), Arc::clone(&default));
        Self { named, default }
    }

    pub fn get(&self, name: &PolicyName) -> Option<&Arc<Policy>> {
        self.named.get(name)
    }

    /// In the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Policy>> {
        self.named.values()
    }

    /// The policy of an account, given with all that are above it. The error is a name that stands for no
    /// policy (any more): nobody can tell then what is allowed.
    pub fn of<'a>(&self, way_up: impl IntoIterator<Item = &'a Account>) -> Result<Arc<Policy>, PolicyName> {
        match way_up.into_iter().find_map(|account| account.policy.as_ref()) {
            None => Ok(Arc::clone(&self.default)),
            Some(name) => self.get(name).cloned().ok_or_else(|| name.clone()),
        }
    }

    /// Every plan that some policy knows.
    pub fn knows_plan(&self, plan: &PlanName) -> bool {
        self.iter().any(|policy| policy.plans.contains_key(plan) || policy.warn.except_plans.contains(plan))
    }
}

impl Default for Policies {
    /// The lenient one alone, whose tokens may live for ever.
    fn default() -> Self {
        let name = Self::DEFAULT.parse().expect("a lawful name");
        let expiry = ExpiryRules { allow_never: true, ..ExpiryRules::default() };
        Self::new(Policy::lenient(name, expiry), [])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, AccountState, Revision, Timestamp};

    fn name(text: &str) -> PolicyName {
        text.parse().expect("a name")
    }

    fn account(policy: Option<&str>) -> Account {
        Account {
            id: AccountId::fresh(),
            parent: None,
            name: String::new(),
            state: AccountState::Active,
            visible_to_parent: true,
            ceiling: None,
            plan: None,
            policy: policy.map(name),
            labels: Default::default(),
            created: Timestamp::from_millis(0),
            revision: Revision(1),
        }
    }

    #[test]
    fn the_nearest_account_that_names_a_policy_decides() {
        let strict = Policy::lenient(name("strict"), ExpiryRules::default());
        let policies = Policies::new(Policies::default().of([]).expect("the default").as_ref().clone(), [strict]);
        let of = |way: &[Account]| policies.of(way).map(|policy| policy.name.to_string());
        assert_eq!(of(&[account(None), account(None)]), Ok("default".to_owned()));
        assert_eq!(of(&[account(None), account(Some("strict"))]), Ok("strict".to_owned()));
        assert_eq!(of(&[account(Some("default")), account(Some("strict"))]), Ok("default".to_owned()));
        assert_eq!(of(&[account(Some("gone")), account(Some("strict"))]), Err(name("gone")));
    }

    #[test]
    fn a_plan_replaces_the_kinds() {
        let plan: PlanName = "pro".parse().expect("a name");
        let mut policy = Policy::lenient(name("p"), ExpiryRules::default());
        (policy.kinds, policy.plans) = (vec![Kind::Shared], [(plan.clone(), vec![Kind::Service])].into());
        assert_eq!(policy.kinds(None), [Kind::Shared]);
        assert_eq!(policy.kinds(Some(&plan)), [Kind::Service]);
        assert_eq!(policy.kinds(Some(&"free".parse().expect("a name"))), [Kind::Shared]);
    }
}

//! What the policy of an account says to a request about its tokens: each rule that is broken is noted at
//! its field.

use std::sync::Arc;
use std::time::Duration;

use super::fields::Fields;
use super::refusal::Refusal;
use super::wire::TokenRecord;
use super::{AdminState, expiry};
use crate::model::{
    AccountId, DeleteConfirm, Field, Filters, Kind, PlanName, Policy, PolicyName, Standing, Subject, Timestamp, Token,
    Usage, Warning,
};

/// The policy that holds in an account, with what of the account it depends on.
pub(super) struct Rules {
    pub(super) policy: Arc<Policy>,
    plan: Option<PlanName>,
}

impl Rules {
    pub(super) fn of(account: AccountId, state: &AdminState) -> Result<Self, Refusal> {
        let way_up = state.accounts.way_up(account);
        let policy = state.policies.of(&way_up).map_err(Refusal::UnknownPolicy)?;
        let plan = way_up.into_iter().next().and_then(|account| account.plan);
        Ok(Self { policy, plan })
    }

    fn name(&self) -> &PolicyName {
        &self.policy.name
    }

    /// The kind of a creation that names none: the usual one, or the only one that can be chosen.
    pub(super) fn usual_kind(&self) -> Kind {
        let mut chosen = self.policy.kinds(self.plan.as_ref()).iter().filter(|kind| **kind != Kind::Session);
        match (chosen.next(), chosen.next()) {
            (Some(only), None) => *only,
            _ => Kind::Service,
        }
    }

    pub(super) fn check_kind(&self, fields: &mut Fields, kind: Kind) {
        let kinds = self.policy.kinds(self.plan.as_ref());
        if kinds.contains(&kind) {
            return;
        }
        let known: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        let place = match &self.plan {
            _ if self.policy.plans.is_empty() => String::new(),
            Some(plan) => format!(" in an account with the plan `{plan}`"),
            None => " in an account without a plan".to_owned(),
        };
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        let message = format!("cannot be `{}`: the policy `{}` allows{place}: {known}", kind.name(), self.name());
        fields.refuse("kind", message);
    }

    /// Refuses where tokens keep their texts.
    pub(super) fn check_rotation(&self) -> Result<(), Refusal> {
        if self.policy.rotation.allowed {
            return Ok(());
        }
        let why = "has no rotation: make a new token, put it in the place of this one, and revoke this one";
        Err(Refusal::NotRotatable(format!("the policy `{}` {why}", self.name())))
    }

    /// How long an old text is to be good, if the field says so; else as long as is usual.
    pub(super) fn take_overlap(&self, fields: &mut Fields) -> Duration {
        let rules = self.policy.rotation;
        let Some(text) = fields.take_text("overlap") else { return rules.overlap };
        match expiry::length(&text) {
            None => fields.refuse("overlap", "must be a length of time such as `24h`, or `0s` for none"),
            Some(length) if length > rules.max_overlap => {
                let most = expiry::spell(rules.max_overlap);
                fields.refuse("overlap", format!("is too long: the policy `{}` allows {most} at most", self.name()));
            }
            Some(length) => return length,
        }
        rules.overlap
    }

    /// Whether people may log in.
    pub(super) fn check_session(&self) -> Result<(), Refusal> {
        let may = self.policy.kinds(self.plan.as_ref()).contains(&Kind::Session);
        if may { Ok(()) } else { Err(Refusal::NoSessions(self.name().clone())) }
    }

    pub(super) fn check_name(&self, fields: &mut Fields, name: &str) {
        if fields.is_refused("name") {
            return;
        }
        if let Err(message) = self.policy.naming.check(name) {
            fields.refuse("name", message);
        }
    }

    pub(super) fn check_description(&self, fields: &mut Fields, description: &str) {
        if self.policy.description_required && description.is_empty() && !fields.is_refused("description") {
            fields.refuse("description", "is needed: tokens of this account have a description");
        }
    }

    /// A shared token is for people without a login; without a filter it shows them everything.
    pub(super) fn check_filters(&self, fields: &mut Fields, kind: Kind, filters: &Filters) {
        let bare = kind == Kind::Shared && filters.is_empty() && !fields.is_refused("filters");
        if bare && self.policy.shared_requires_filter {
            let message = format!("is needed: the policy `{}` has no shared token without a filter", self.name());
            fields.refuse("filters", message);
        }
    }

    /// Notes every field that is given and cannot be changed any more.
    pub(super) fn check_mutable(&self, fields: &mut Fields) {
        for field in Field::ALL.into_iter().filter(|field| !self.policy.mutable.contains(field)) {
            fields.immutable_by(field.name(), &format!("the policy `{}`", self.name()));
        }
    }

    /// Whether a deletion was confirmed as the policy wants it.
    pub(super) fn check_confirmation(&self, token: &Token, confirm: Option<&str>) -> Result<(), Refusal> {
        let wanted = match self.policy.delete_confirm {
            DeleteConfirm::Nothing => return Ok(()),
            DeleteConfirm::Yes => "yes".to_owned(),
            // One from before the policy may have no name.
            DeleteConfirm::Name if token.name.is_empty() => token.id.to_string(),
            DeleteConfirm::Name => token.name.clone(),
        };
        let is_given = confirm == Some(&wanted)
            || (self.policy.delete_confirm == DeleteConfirm::Yes
                && confirm == Some(&token.name)
                && confirm != Some(""));
        if is_given { Ok(()) } else { Err(Refusal::NotConfirmed { wanted, given: confirm.is_some() }) }
    }
}

/// The record as it is shown: with what is worth a word about it.
pub(super) fn shown(state: &AdminState, token: &Token, usage: Usage) -> TokenRecord {
    let now = state.lifecycle.clock().wall();
    let warnings = Rules::of(token.account, state).map_or_else(
        |_| Vec::new(),
        |rules| rules.policy.warnings(Subject::new(token, &usage, rules.plan.as_ref(), now)),
    );
    let warnings = warnings.into_iter().chain(gone_roles(state, token, now));
    TokenRecord::new(token, usage, now).with_warnings(warnings.collect())
}

/// What a token gets of a role that the configuration had and has no more is nothing, and that needs a word.
fn gone_roles(state: &AdminState, token: &Token, now: Timestamp) -> Option<Warning> {
    let gone = state.users.roles().unknown(&token.roles);
    let is_over = matches!(token.standing(now), Standing::Revoked { .. } | Standing::Expired { .. });
    if gone.is_empty() || is_over {
        return None;
    }
    let names: Vec<_> = gone.iter().map(|name| format!("`{name}`")).collect();
    let message = format!(
        "`roles`: the configuration has no {} any more, which gives nothing: put it back, or give the token other roles",
        names.join(" and no ")
    );
    Some(Warning { code: "unknown_role", message })
}

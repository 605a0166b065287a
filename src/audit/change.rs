//! What an action changed: the fields before and after it, and nothing that is secret.
//!
//! Each record says here which of its fields may be told. The patterns name every field, so that a new
//! one does not compile before that was decided for it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::model::{
    Account, AccountState, Filters, ForeignHash, Grants, Labels, Life, Quota, RoleName, State, Token, User, UserState,
};

/// Names and values.
pub type Fields = BTreeMap<String, Value>;

/// The fields that are not what they were. `None`: there was, or is, no such object.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Change {
    pub before: Option<Fields>,
    pub after: Option<Fields>,
}

/// A record that can be told of.
pub trait Told {
    /// All that may be told of it. No secret, and nothing that one could be guessed from.
    fn told(&self) -> Fields;
}

impl Change {
    /// Nothing was changed.
    pub fn none() -> Self {
        Self::default()
    }

    pub fn made(after: &impl Told) -> Self {
        Self { before: None, after: Some(after.told()) }
    }

    pub fn gone(before: &impl Told) -> Self {
        Self { before: Some(before.told()), after: None }
    }

    /// Only what differs.
    pub fn edited<T: Told>(before: &T, after: &T) -> Self {
        let (mut old, mut new) = (before.told(), after.told());
        let same: Vec<String> = old.iter().filter(|(name, value)| new.get(*name) == Some(value)).map(first).collect();
        for name in same {
            old.remove(&name);
            new.remove(&name);
        }
        Self { before: Some(old), after: Some(new) }
    }

    /// What a member may do in an account; `None`: it is none.
    pub fn roles(before: Option<&[RoleName]>, after: Option<&[RoleName]>) -> Self {
        let told = |roles: Option<&[RoleName]>| roles.map(|roles| fields([("roles", texts(roles))]));
        Self { before: told(before), after: told(after) }
    }

    /// Facts of an action that changed no record.
    pub fn noted(facts: impl IntoIterator<Item = (&'static str, Value)>) -> Self {
        let after = facts.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { before: None, after: Some(after) }
    }
}

fn first((name, _): (&String, &Value)) -> String {
    name.clone()
}

fn fields<const N: usize>(entries: [(&str, Value); N]) -> Fields {
    entries.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

impl Told for Token {
    fn told(&self) -> Fields {
        let Self {
            id,
            account: _,
            kind,
            name,
            description,
            grants,
            roles,
            user,
            filters,
            sealed,
            state,
            not_before,
            expires,
            rate_limit,
            created: _,
            created_by,
            hint: _,
            digest: _,
            rotation,
            revision: _,
            labels,
        } = self;
        let old_until = rotation.as_ref().map(|rotation| match rotation.old.life {
            Life::Until(at) | Life::Ended(at) => at,
        });
        fields([
            ("kind", json!(kind.name())),
            ("name", json!(name)),
            ("description", json!(description)),
            ("grants", grants_of(grants)),
            ("roles", texts(roles)),
            ("user", text(user.as_ref())),
            ("filters", filters_of(filters)),
            // That there is a copy, and nothing of it.
            ("retrievable", json!(sealed.is_some())),
            ("state", json!(token_state(*state))),
            ("not_before", text(not_before.as_ref())),
            ("expires", text(expires.as_ref())),
            ("rate_limit", quota_of(rate_limit.as_ref())),
            ("created_by", text(created_by.as_ref())),
            // When its text was changed last, and until when the one before is good.
            ("text_since", text(rotation.as_ref().and_then(|rotation| rotation.since).as_ref())),
            ("old_text_until", text(old_until.as_ref())),
            ("labels", labels_of(labels)),
            // By which hash, and nothing of it.
            ("imported", json!(id.imported_by().map(ForeignHash::name))),
        ])
    }
}

impl Told for Account {
    fn told(&self) -> Fields {
        let Self {
            id: _,
            parent,
            name,
            state,
            visible_to_parent,
            ceiling,
            plan,
            policy,
            labels,
            created: _,
            revision: _,
        } = self;
        let state = match state {
            AccountState::Active => "active",
            AccountState::Suspended => "suspended",
        };
        fields([
            ("parent", text(parent.as_ref())),
            ("name", json!(name)),
            ("state", json!(state)),
            ("visible_to_parent", json!(visible_to_parent)),
            ("ceiling", ceiling.as_ref().map_or(Value::Null, grants_of)),
            ("plan", text(plan.as_ref())),
            ("policy", text(policy.as_ref())),
            ("labels", labels_of(labels)),
        ])
    }
}

impl Told for User {
    fn told(&self) -> Fields {
        let Self {
            id: _,
            account,
            login,
            name,
            password,
            invitation,
            state,
            memberships,
            sessions_since,
            created: _,
            revision: _,
        } = self;
        let state = match state {
            UserState::Active => "active",
            UserState::Disabled => "disabled",
        };
        let memberships: serde_json::Map<String, Value> =
            memberships.iter().map(|member| (member.account.to_string(), texts(&member.roles))).collect();
        fields([
            ("account", json!(account.to_string())),
            ("login", json!(login.to_string())),
            ("name", json!(name)),
            // That there is one; the time of the last change tells that it was changed.
            ("password", json!(password.is_some())),
            ("sessions_since", json!(sessions_since.to_string())),
            ("invitation_expires", text(invitation.as_ref().map(|invitation| invitation.expires).as_ref())),
            ("state", json!(state)),
            ("memberships", Value::Object(memberships)),
        ])
    }
}

fn token_state(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Disabled => "disabled",
        State::Revoked { .. } => "revoked",
    }
}

fn text(value: Option<&impl ToString>) -> Value {
    value.map_or(Value::Null, |value| Value::String(value.to_string()))
}

fn texts(values: &[impl ToString]) -> Value {
    values.iter().map(|value| Value::String(value.to_string())).collect()
}

fn grants_of(grants: &Grants) -> Value {
    Value::Object(grants.iter().map(|(name, access)| (name.to_string(), json!(access.to_string()))).collect())
}

fn labels_of(labels: &Labels) -> Value {
    Value::Object(labels.iter().map(|(key, value)| (key.to_owned(), json!(value))).collect())
}

fn filters_of(filters: &Filters) -> Value {
    Value::Object(filters.iter().map(|(name, values)| (name.to_owned(), json!(values))).collect())
}

fn quota_of(quota: Option<&Quota>) -> Value {
    quota.map_or(
        Value::Null,
        |quota| json!({"requests": quota.requests(), "window": format!("{}s", quota.window().as_secs_f64())}),
    )
}

//! What a token is worth, as RFC 7662 section 2.2 has it.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;

use super::terms;
use crate::auth::Principal;
use crate::model::{Action, Grants, Life, Secret};

/// Names that are not of the standard begin with `urn:keygate:`.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub(in crate::admin) enum Introspection {
    /// Whatever the reason: nothing more is told.
    Inactive {
        #[schema(value_type = terms::No)]
        active: bool,
    },
    Active(Box<Active>),
}

/// A token in force.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ActiveToken)]
pub(in crate::admin) struct Active {
    #[schema(value_type = terms::Yes)]
    active: bool,
    /// `devices:read devices:create`: every right that the token has at present.
    scope: String,
    /// The account.
    #[schema(value_type = terms::AccountId)]
    client_id: String,
    /// Of a token that is a person's: the login.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    token_type: &'static str,
    /// In seconds; none: it does not expire.
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    exp: Option<i64>,
    iat: i64,
    #[schema(nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    nbf: Option<i64>,
    /// The user, or else the account.
    sub: String,
    /// The token's id.
    #[schema(value_type = terms::TokenId)]
    jti: String,
    #[serde(rename = "urn:keygate:kind")]
    #[schema(value_type = terms::Kind)]
    kind: &'static str,
    #[serde(rename = "urn:keygate:name")]
    name: String,
    #[serde(rename = "urn:keygate:filters", skip_serializing_if = "BTreeMap::is_empty")]
    #[schema(required = false, value_type = terms::Filters)]
    filters: BTreeMap<String, Vec<String>>,
    /// `present` or `old`, of a token that was rotated.
    #[schema(nullable = false)]
    #[serde(rename = "urn:keygate:text", skip_serializing_if = "Option::is_none")]
    text: Option<&'static str>,
}

impl Introspection {
    /// Of a token in force, which may do this at present.
    pub(in crate::admin) fn of(principal: &Principal, grants: &Grants, username: Option<String>) -> Self {
        let token = &principal.token;
        let of_text =
            token.rotation.as_ref().filter(|_| principal.secret == Secret::Old).map(|rotation| {
                match rotation.old.life {
                    Life::Until(at) | Life::Ended(at) => at,
                }
            });
        let exp = [token.expires, of_text].into_iter().flatten().min();
        Self::Active(Box::new(Active {
            active: true,
            scope: scope(grants),
            client_id: token.account.to_string(),
            username,
            token_type: "Bearer",
            exp: exp.map(|at| at.secs()),
            iat: token.created.secs(),
            nbf: token.not_before.map(|at| at.secs()),
            sub: token.user.map_or_else(|| token.account.to_string(), |user| user.to_string()),
            jti: token.id.to_string(),
            kind: token.kind.name(),
            name: token.name.clone(),
            filters: token.filters.iter().map(|(key, values)| (key.to_owned(), values.to_vec())).collect(),
            text: token.rotation.as_ref().map(|_| principal.secret.name()),
        }))
    }
}

/// As a challenge names what is missing: a resource, a colon and an action.
fn scope(grants: &Grants) -> String {
    let actions = [Action::Read, Action::Create, Action::Update, Action::Delete];
    let allowed = grants.iter().flat_map(|(resource, access)| {
        actions.into_iter().filter(move |action| access.allows(*action)).map(move |action| (resource, action))
    });
    allowed.map(|(resource, action)| format!("{resource}:{}", action.name())).collect::<Vec<_>>().join(" ")
}

//! What a token is to have: grants of its own or roles, and filters.

use super::fields::{Fields, shown};
use super::grants;
use super::refusal::Refusal;
use super::wire::Json;
use crate::auth::Users;
use crate::model::{Access, Filters, GrantError, Grants, Kind, ResourceName, RoleName, Roles};
use crate::problem::FieldError;

/// Far more than anybody needs of them at once.
const MOST_ROLES: usize = 32;
const EITHER: &str = "stands beside `roles`: a token has grants of its own or roles, not both";

/// Grants or roles; one of the two is empty.
#[derive(Debug, Clone, Default)]
pub(super) struct Rights {
    pub(super) grants: Grants,
    pub(super) roles: Vec<RoleName>,
}

impl Rights {
    /// Everything, which for a token of a user means: what that user may do.
    pub(super) fn of_user() -> Self {
        let everything = [ResourceName::every_api(), ResourceName::every_management()];
        Self { grants: Grants::new(everything.map(|resource| (resource, Access::FULL))), roles: Vec::new() }
    }

    /// What they come to.
    pub(super) fn resolved(&self, roles: &Roles) -> Grants {
        if self.roles.is_empty() { self.grants.clone() } else { roles.grants(&self.roles) }
    }

    /// Refuses what is more than the giver has, and names the field that asks for it.
    pub(super) fn within(&self, giver: &Grants, users: &Users) -> Result<(), Refusal> {
        let what = grants::exceeding(&self.resolved(users.roles()), giver);
        let field = |error: &GrantError| match (error, self.roles.is_empty()) {
            (GrantError::Exceeds { resource, .. }, true) => format!("grants.{resource}"),
            (_, false) => "roles".to_owned(),
        };
        let error = |error: &GrantError| FieldError { field: field(error), message: error.to_string() };
        if what.is_empty() {
            Ok(())
        } else {
            Err(Refusal::GrantsExceeded { errors: what.iter().map(error).collect(), what })
        }
    }

    /// The same of rights that somebody has already, and which no field asks for.
    pub(super) fn held_within(&self, giver: &Grants, users: &Users) -> Result<(), Refusal> {
        let what = grants::exceeding(&self.resolved(users.roles()), giver);
        if what.is_empty() { Ok(()) } else { Err(Refusal::GrantsExceeded { what, errors: Vec::new() }) }
    }
}

/// The rights in the fields, if any are given; notes what is wrong with them.
pub(super) fn take(fields: &mut Fields, roles: &Roles) -> Option<Rights> {
    let named = take_roles(fields, roles);
    if fields.has("grants") && named.is_some() {
        drop(fields.take("grants"));
        fields.refuse("grants", EITHER);
        return None;
    }
    match named {
        Some(roles) => Some(Rights { grants: Grants::default(), roles }),
        None if fields.has("grants") => {
            Some(Rights { grants: grants::take(fields).unwrap_or_default(), roles: Vec::new() })
        }
        None => {
            drop(fields.take("grants"));
            None
        }
    }
}

/// The names of roles that there are, in the field `roles`.
pub(super) fn take_roles(fields: &mut Fields, roles: &Roles) -> Option<Vec<RoleName>> {
    let given = match fields.take("roles")? {
        Json::List(given) => given,
        other => return fields.wrong_kind("roles", "a list of names", &other),
    };
    if given.is_empty() || given.len() > MOST_ROLES {
        fields.refuse("roles", format!("must have 1 to {MOST_ROLES} names"));
    }
    let mut names: Vec<RoleName> = Vec::with_capacity(given.len().min(MOST_ROLES));
    for item in given.into_iter().take(MOST_ROLES) {
        let Json::Text(text) = item else {
            fields.refuse("roles", format!("must be a list of names, and has {}", item.kind()));
            continue;
        };
        match text.parse::<RoleName>().ok().filter(|name| roles.get(name).is_some()) {
            Some(name) if names.contains(&name) => fields.refuse("roles", format!("names `{name}` more than once")),
            Some(name) => names.push(name),
            None => {
                let known: Vec<_> = roles.iter().map(|(name, _)| name.as_str()).collect();
                fields.refuse("roles", format!("there is no role `{}`. There are: {}", shown(&text), known.join(", ")));
            }
        }
    }
    Some(names)
}

/// `{"region": "eu", "team": ["a", "b"]}`; null or `{}` for none.
pub(super) fn take_filters(fields: &mut Fields) -> Option<Filters> {
    let entries = match fields.take("filters")? {
        Json::Object(entries) => entries,
        Json::Null => Vec::new(),
        other => return fields.wrong_kind("filters", "an object of texts or lists of texts", &other),
    };
    let mut filters = Vec::with_capacity(entries.len());
    for (key, value) in entries {
        match texts(value) {
            Some(values) => filters.push((key, values)),
            None => fields.refuse(&format!("filters.{key}"), "must be a text or a list of texts"),
        }
    }
    Filters::new(filters).map_err(|error| fields.refuse("filters", error.to_string())).ok()
}

fn texts(value: Json) -> Option<Vec<String>> {
    let text = |item| if let Json::Text(text) = item { Some(text) } else { None };
    match value {
        Json::List(items) => items.into_iter().map(text).collect(),
        one => Some(vec![text(one)?]),
    }
}

/// Refuses a shared token that would do more than read the API.
pub(super) fn check_kind(fields: &mut Fields, kind: Kind, rights: &Rights, roles: &Roles) {
    if kind != Kind::Shared {
        return;
    }
    let reads = |(name, access): (&ResourceName, Access)| access.within(Access::READ) && !name.is_management();
    if let Some((name, access)) = rights.resolved(roles).iter().find(|grant| !reads(*grant)) {
        let field = if rights.roles.is_empty() { "grants" } else { "roles" };
        fields.refuse(field, format!("gives `{access}` on `{name}`, and a shared token only reads the API"));
    }
}

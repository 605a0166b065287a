//! What is asked for a new token, or of an old one: read, checked, and refused with all that is wrong.

use super::caller::Caller;
use super::fields::{DESCRIPTION, Fields, NAME};
use super::grants::NEEDED;
use super::refusal::Refusal;
use super::rights::{self, Rights};
use super::rules::Rules;
use super::wire::Json;
use super::{AdminState, expiry, labels};
use crate::auth::{Edit, NewToken};
use crate::model::{AccountId, ExpiryRules, Kind, Quota, Reveal, Timestamp, Token};

/// The creation that `fields` ask for, within what the caller may give.
pub(super) fn new_token(mut fields: Fields, caller: &Caller, state: &AdminState) -> Result<NewToken, Refusal> {
    let now = state.lifecycle.clock().wall();
    let name = fields.take_label("name", NAME).unwrap_or_default();
    let description = fields.take_label("description", DESCRIPTION).unwrap_or_default();
    let account = account(&mut fields, caller, state);
    let rules = Rules::of(account, state)?;
    rules.check_name(&mut fields, &name);
    rules.check_description(&mut fields, &description);
    let kind = kind(&mut fields, caller, account, &rules);
    let rights = rights::take(&mut fields, state.users.roles());
    let rights = rights.or_else(|| without_rights(&mut fields, kind)).unwrap_or_default();
    rights::check_kind(&mut fields, kind, &rights, state.users.roles());
    let filters = rights::take_filters(&mut fields).unwrap_or_default();
    rules.check_filters(&mut fields, kind, &filters);
    let labels = labels::take_new(&mut fields);
    let expires = expires(&mut fields, &rules.policy.expiry, now);
    let not_before = not_before(&mut fields, now, expires);
    let rate_limit = rate_limit(&mut fields);
    fields.finish()?;
    let user = if kind == Kind::Personal { caller.user() } else { None };
    // What a token of a user may do is limited by that user's rights at every request.
    if user.is_none() || !is_all(&rights) {
        rights.within(&caller.effective(state), &state.users)?;
    }
    Ok(NewToken {
        account,
        kind,
        name,
        description,
        grants: rights.grants,
        roles: rights.roles,
        user,
        filters,
        labels,
        not_before,
        expires,
        rate_limit,
        created_by: Some(caller.token().id),
        retrievable: rules.policy.reveal == Reveal::Retrievable,
        max_active: rules.policy.max_active,
    })
}

/// What `fields` ask to change of `token`, within what the caller may give.
pub(super) fn edit(mut fields: Fields, token: &Token, caller: &Caller, state: &AdminState) -> Result<Edit, Refusal> {
    for field in IMMUTABLE {
        fields.immutable(field);
    }
    let rules = Rules::of(token.account, state)?;
    rules.check_mutable(&mut fields);
    let name = fields.take_label("name", NAME);
    let description = fields.take_label("description", DESCRIPTION);
    if let Some(name) = &name {
        rules.check_name(&mut fields, name);
    }
    if let Some(description) = &description {
        rules.check_description(&mut fields, description);
    }
    let rights = if token.kind == Kind::Session {
        ["grants", "roles", "filters", "expires"].into_iter().for_each(|field| fields.immutable(field));
        None
    } else {
        rights::take(&mut fields, state.users.roles())
    };
    if let Some(rights) = &rights {
        rights::check_kind(&mut fields, token.kind, rights, state.users.roles());
    }
    let filters = rights::take_filters(&mut fields);
    if let Some(filters) = &filters {
        rules.check_filters(&mut fields, token.kind, filters);
    }
    let labels = labels::take_edit(&mut fields);
    let now = state.lifecycle.clock().wall();
    let expires = fields.has("expires").then(|| expires(&mut fields, &rules.policy.expiry, now));
    let rate_limit = if fields.has_null("rate_limit") { Some(None) } else { rate_limit(&mut fields).map(Some) };
    fields.finish()?;
    if let Some(rights) = &rights {
        rights.within(&caller.effective(state), &state.users)?;
    }
    let rights = rights.map(|rights| (rights.grants, rights.roles));
    Ok(Edit { name, description, rights, filters, labels, expires, rate_limit, max_active: rules.policy.max_active })
}

/// What kind is asked for: one that the caller can make, for the account that it is to be of.
fn kind(fields: &mut Fields, caller: &Caller, account: AccountId, rules: &Rules) -> Kind {
    let kind = match fields.take_text("kind") {
        None if fields.is_refused("kind") => return Kind::Service,
        None => Some(rules.usual_kind()),
        Some(text) => Kind::from_name(&text),
    };
    if let Some(kind) = kind {
        rules.check_kind(fields, kind);
    }
    match kind {
        Some(Kind::Personal) if caller.user().is_none() => {
            fields.refuse("kind", "cannot be `personal`: such a token is made by its user, with a session's token");
        }
        Some(Kind::Personal) if caller.account() != account => {
            fields.refuse("kind", "cannot be `personal` for another account than the one of the session");
        }
        Some(Kind::Session) => fields.refuse("kind", "cannot be `session`: a login makes one, `POST /v1/sessions`"),
        Some(kind) => return kind,
        None => fields.refuse("kind", "must be `personal`, `service` or `shared`"),
    }
    Kind::Service
}

/// A personal token that names no rights has its user's; any other has to name some.
fn without_rights(fields: &mut Fields, kind: Kind) -> Option<Rights> {
    if kind == Kind::Personal {
        return Some(Rights::of_user());
    }
    if !fields.is_refused("grants") && !fields.is_refused("roles") {
        fields.refuse("grants", NEEDED);
    }
    None
}

fn is_all(rights: &Rights) -> bool {
    rights.roles.is_empty() && rights.grants == Rights::of_user().grants
}

/// The fields of a record that an edit may not change.
const IMMUTABLE: [&str; 13] = [
    "id",
    "account",
    "kind",
    "user",
    "state",
    "created",
    "created_by",
    "not_before",
    "last_used",
    "requests",
    "hint",
    "revoked_at",
    "token",
];

/// The account in the field, if the caller reaches it; the caller's own where none is named.
fn account(fields: &mut Fields, caller: &Caller, state: &AdminState) -> AccountId {
    let Some(text) = fields.take_text("account") else { return caller.account() };
    reached(&text, caller, state).unwrap_or_else(|| {
        fields.refuse("account", "there is no such account, or it is out of the token's reach");
        caller.account()
    })
}

/// The account of this id, if it is there and the caller reaches it.
pub(super) fn reached(text: &str, caller: &Caller, state: &AdminState) -> Option<AccountId> {
    text.parse().ok().filter(|&id| state.accounts.reaches(caller.account(), id))
}

fn expires(fields: &mut Fields, rules: &ExpiryRules, now: Timestamp) -> Option<Timestamp> {
    let text = match fields.take("expires") {
        None => None,
        Some(Json::Text(text)) => Some(text),
        Some(Json::Null) => {
            fields.refuse("expires", "must not be null: leave it out for the default, or write `never`");
            return None;
        }
        Some(other) => return fields.wrong_kind("expires", "text", &other),
    };
    expiry::expiry(text.as_deref(), rules, now).unwrap_or_else(|message| {
        fields.refuse("expires", message);
        None
    })
}

fn not_before(fields: &mut Fields, now: Timestamp, expires: Option<Timestamp>) -> Option<Timestamp> {
    let text = fields.take_text("not_before")?;
    match (expiry::not_before(&text, now), expires) {
        (Ok(from), Some(expires)) if from >= expires => {
            fields.refuse("not_before", format!("must be before the token expires, which is at {expires}"));
            None
        }
        (Ok(from), _) => Some(from),
        (Err(message), _) => {
            fields.refuse("not_before", message);
            None
        }
    }
}

fn rate_limit(fields: &mut Fields) -> Option<Quota> {
    let mut requests = None;
    let mut window = None;
    let mut sound = true;
    for (name, value) in fields.take_object("rate_limit")? {
        let problem = match (name.as_str(), value) {
            ("requests", Json::Whole(count)) if requests.is_none() => {
                requests = Some(u32::try_from(count).unwrap_or(u32::MAX));
                continue;
            }
            ("window", Json::Text(text)) if window.is_none() && expiry::length(&text).is_some() => {
                window = expiry::length(&text);
                continue;
            }
            ("requests", _) if requests.is_some() => "is given more than once",
            ("window", _) if window.is_some() => "is given more than once",
            ("requests", _) => "must be a whole number from 1 up",
            ("window", _) => "must be a length of time such as `60s`",
            _ => "is no field of a rate limit. It has: requests, window",
        };
        sound = false;
        fields.refuse(&format!("rate_limit.{name}"), problem);
    }
    match (requests, window) {
        (Some(requests), Some(window)) => {
            Quota::new(requests, window).map_err(|error| fields.refuse("rate_limit", error.to_string())).ok()
        }
        _ if sound => {
            fields.refuse("rate_limit", "needs both fields, as in {\"requests\": 100, \"window\": \"60s\"}");
            None
        }
        _ => None,
    }
}

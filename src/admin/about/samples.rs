//! Objects as answers show them, for examples. A test compares each with the schema of its answer.

use serde_json::{Value, json};

use crate::admin::wire::terms::example_id;
use crate::model::{AccountId, TokenId, UserId};

/// Not one that could be in force: its checksum is wrong.
pub(super) const TOKEN_TEXT: &str = "kg_svc_EXAMPLE0EXAMPLE0EXAMPLE0EXAMPLE00000";

const CREATED: &str = "2026-11-25T09:30:00.000Z";

pub(super) fn token_id() -> String {
    example_id(TokenId::PREFIX)
}

pub(super) fn account_id() -> String {
    example_id(AccountId::PREFIX)
}

pub(super) fn user_id() -> String {
    example_id(UserId::PREFIX)
}

pub(super) fn token() -> Value {
    json!({
        "id": token_id(),
        "account": account_id(),
        "kind": "service",
        "name": "deploy",
        "description": "rolls out the nightly build",
        "grants": {"devices": "read+write"},
        "roles": [],
        "user": null,
        "filters": {"region": ["eu"]},
        "labels": {"env": "prod"},
        "state": "active",
        "created": CREATED,
        "created_by": example_id(TokenId::PREFIX),
        "expires": "2027-02-23T09:30:00.000Z",
        "not_before": null,
        "last_used": "2026-11-25T11:02:41.000Z",
        "requests": 1729,
        "hint": "0000",
        "rate_limit": {"requests": 100, "window": "60s"},
        "revoked_at": null,
        "imported": null,
        "retrievable": false,
        "rotation": null,
        "warnings": [],
    })
}

/// A token that was revoked.
pub(super) fn revoked() -> Value {
    with(token(), &json!({"state": "revoked", "revoked_at": "2026-11-25T12:00:00.000Z"}))
}

/// A token that was rotated.
pub(super) fn rotated() -> Value {
    let at = "2026-11-25T12:00:00.000Z";
    with(
        token(),
        &json!({"rotation": {
            "present": {"since": at, "requests": 0, "last_used": null},
            "old": {
                "hint": "0000", "valid": true, "until": "2026-11-26T12:00:00.000Z", "replaced": at, "requests": 12,
                "last_used": "2026-11-25T11:02:41.000Z",
            },
            "history": [{"at": at, "by": token_id(), "what": "rotated", "hint": "0000"}],
        }}),
    )
}

/// A session's token.
pub(super) fn session() -> Value {
    with(
        token(),
        &json!({
            "kind": "session", "name": "", "description": "", "grants": {"*": "full", "keygate.*": "full"},
            "user": user_id(), "filters": {}, "labels": {}, "created_by": null, "rate_limit": null, "last_used": null, "requests": 0,
        }),
    )
}

pub(super) fn account() -> Value {
    json!({
        "id": account_id(),
        "parent": "acc_02DVhPTXLd2OJGUcjM8Hw0",
        "name": "Plant Bremen",
        "state": "active",
        "visible_to_parent": true,
        "ceiling": {"devices": "full"},
        "plan": null,
        "policy": "production",
        "labels": {"env": "prod"},
        "created": CREATED,
    })
}

pub(super) fn user() -> Value {
    json!({
        "id": user_id(),
        "account": account_id(),
        "login": "ada@example.org",
        "name": "Ada",
        "state": "active",
        "password": true,
        "invitation_expires": null,
        "memberships": [{"account": account_id(), "roles": ["admin"]}],
        "created": CREATED,
    })
}

pub(super) fn member() -> Value {
    json!({"user": user_id(), "login": "ada@example.org", "name": "Ada", "state": "active", "roles": ["admin"]})
}

pub(super) fn policy() -> Value {
    json!({
        "name": "production",
        "description": "short-lived tokens with a name",
        "kinds": ["personal", "service", "session"],
        "plans": {},
        "max_active": 100,
        "name_required": true,
        "name_pattern": null,
        "name_message": null,
        "description_required": false,
        "expiry_presets": [],
        "default_expiry": "90d",
        "max_expiry": "365d",
        "allow_never": false,
        "mutable": ["name", "description", "expires"],
        "reveal": "once",
        "delete_confirm": "name",
        "dependency_window": "7d",
        "shared_requires_filter": true,
        "session_lifetime": "90d",
        "password_min_length": 12,
        "purge_expired_after": "30d",
        "rotation": true,
        "rotation_overlap": "1d",
        "rotation_overlap_max": "7d",
        "account_token": null,
        "leak_action": "disable",
    })
}

/// A part of a list, which is its last.
pub(super) fn page(item: Value) -> Value {
    json!({"items": [item], "next": null})
}

/// The object with these members besides.
pub(super) fn with(mut object: Value, more: &Value) -> Value {
    for (name, value) in more.as_object().into_iter().flatten() {
        object[name] = value.clone();
    }
    object
}

/// A line that tries the token.
pub(super) fn curl() -> String {
    format!("curl -i -H 'Authorization: Bearer {TOKEN_TEXT}' 'https://api.example.org/v1/devices'")
}

//! What is said of the calls about tokens.

use serde_json::{Value, json};

use super::samples::{self, page, token, with};
use super::{Answer, Content, ETAG, LOCATION, Link, Operation, REPLAYED, Tag, parameters};
use crate::admin::wire::asked::{
    DeleteToken, FieldsOf, IdempotencyKey, IfMatch, IfNoneMatch, InAccount, ListTokens, NewImport, NewToken, PageOf,
    RevokeMany, TokenEdit,
};
use crate::admin::wire::{Created, ImportRecord, Revealed, RevokedMany, TokenRecord, UsageRecord};
use crate::problem::code;

/// The id in an answer that is a token.
const THIS: &[(&str, &str)] = &[("id", "$response.body#/id")];

const fn record(text: &'static str) -> Answer {
    Answer::json::<TokenRecord>(200, text, token).headers(&[ETAG])
}

pub(in crate::admin) static LIST: Operation = Operation::read(
    "listTokens",
    Tag::Tokens,
    "List tokens",
    Answer::page_of_parts::<TokenRecord>("Tokens of the account. Never their texts.", || page(token())),
)
.text(
    "The oldest first, unless `sort` says otherwise. A call looks at a bounded number of tokens, so a part of a \
     filtered list can have fewer than `limit`, and even none, although others follow: `next` tells.",
)
.takes(&[parameters::<InAccount>, parameters::<ListTokens>, parameters::<PageOf>, parameters::<FieldsOf>])
.problems(&[&code::NOT_FOUND]);

pub(in crate::admin) static CREATE: Operation = Operation::change(
    "createToken",
    Tag::Tokens,
    "Create a token",
    Answer::json::<Created>(201, "The token, with its text, which is shown this once.", created)
        .headers(&[REPLAYED, LOCATION, ETAG])
        .links(&[
            Link { operation: "getToken", parameters: THIS },
            Link { operation: "editToken", parameters: THIS },
            Link { operation: "getTokenUsage", parameters: THIS },
            Link { operation: "disableToken", parameters: THIS },
            Link { operation: "enableToken", parameters: THIS },
            Link { operation: "rotateToken", parameters: THIS },
            Link { operation: "revokeToken", parameters: THIS },
            Link { operation: "deleteToken", parameters: THIS },
        ]),
)
.text(
    "It may do what `grants` or `roles` say, within what its giver, its user and its account may do at any moment. \
     The account's policy says which kinds, names and lengths of life there can be.",
)
.takes(&[parameters::<IdempotencyKey>])
.body(Content::json::<NewToken>(|| {
    json!({
        "name": "deploy", "description": "rolls out the nightly build", "grants": {"devices": "read+write"},
        "filters": {"region": "eu"}, "labels": {"env": "prod"}, "expires": "90d", "rate_limit": {"requests": 100, "window": "60s"},
    })
}))
.problems(&[
    &code::GRANTS_EXCEEDED,
    &code::UNKNOWN_POLICY,
    &code::TOO_MANY_TOKENS,
    &code::NO_RANDOMNESS,
    &code::COPY_UNREADABLE,
]);

pub(in crate::admin) static IMPORT: Operation = Operation::change(
    "importTokens",
    Tag::Tokens,
    "Take over keys of another system",
    Answer::json::<ImportRecord>(200, "What became of each key.", || {
        json!({
            "dry_run": false, "created": 1, "exists": 0, "refused": 0,
            "items": [{"status": "created", "id": samples::token_id(), "errors": []}],
        })
    }),
)
.text(
    "Each key is known by a hash of its text alone, and gets a keyed hash of this installation when it is used for the \
     first time. What is wrong with one key does not keep the others out. A key that is there is left as it is, and has \
     the same id every time, so that an import can be run again; one that was deleted is refused unless `again` is true.",
)
.body(Content::json::<NewImport>(|| {
    json!({"tokens": [{
        "hash": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "algorithm": "sha256",
        "name": "ci", "grants": {"devices": "read"}, "expires": "180d",
    }]})
}));

pub(in crate::admin) static SHOW: Operation = Operation::read(
    "getToken",
    Tag::Tokens,
    "Show a token",
    Answer::parts::<TokenRecord>("The token, without its text.", token).headers(&[ETAG]),
)
.takes(&[parameters::<FieldsOf>, parameters::<IfNoneMatch>]);

pub(in crate::admin) static EDIT: Operation =
    Operation::change("editToken", Tag::Tokens, "Change a token", record("The token as it is now."))
        .text(
            "What is left out stays. The text of the token does not change, and the change is in force with the next \
         request. A policy may keep fields as they are.",
        )
        .takes(&[parameters::<IfMatch>])
        .body(Content::json::<TokenEdit>(|| json!({"description": "rolls out every build", "expires": "2027-01-31"})))
        .problems(&[
            &code::IMMUTABLE_FIELDS,
            &code::GRANTS_EXCEEDED,
            &code::UNKNOWN_POLICY,
            &code::TOO_MANY_TOKENS,
            &code::ALREADY_REVOKED,
        ]);

pub(in crate::admin) static DELETE: Operation = Operation::change(
    "deleteToken",
    Tag::Tokens,
    "Delete a token",
    Answer::nothing("The token is gone, and refused everywhere."),
)
.text(
    "Nothing of it is left but the record of its deletion. The account's policy may want it confirmed, and may want to know \
     that it is still in use; to see what would break, disable it first.",
)
.takes(&[parameters::<DeleteToken>, parameters::<IfMatch>])
.problems(&[&code::UNKNOWN_POLICY, &code::NOT_CONFIRMED, &code::TOKEN_IN_USE]);

pub(in crate::admin) static DISABLE: Operation = Operation::change(
    "disableToken",
    Tag::Tokens,
    "Disable a token",
    record("The token, which is refused from now on."),
)
.text("It can be enabled again. A token that is disabled already stays so.")
.takes(&[parameters::<IfMatch>])
.problems(&[&code::ALREADY_REVOKED]);

pub(in crate::admin) static ENABLE: Operation =
    Operation::change("enableToken", Tag::Tokens, "Enable a token", record("The token, which is let through again."))
        .text("Takes back that it was disabled. What is revoked stays so.")
        .takes(&[parameters::<IfMatch>])
        .problems(&[&code::ALREADY_REVOKED, &code::UNKNOWN_POLICY, &code::TOO_MANY_TOKENS]);

pub(in crate::admin) static REVOKE: Operation = Operation::change(
    "revokeToken",
    Tag::Tokens,
    "Revoke a token",
    Answer::json::<TokenRecord>(200, "The token, which is refused for good.", samples::revoked).headers(&[ETAG]),
)
.text("Final, unlike disabling; unlike a deletion, it leaves the record to look at.")
.takes(&[parameters::<IfMatch>]);

pub(in crate::admin) static REVOKE_MANY: Operation = Operation::change(
    "revokeTokens",
    Tag::Tokens,
    "Revoke many tokens",
    Answer::json::<RevokedMany>(
        200,
        "How many tokens are meant, how many were revoked, and some of them.",
        || json!({"dry_run": false, "count": 1, "revoked": 1, "sample": [samples::revoked()]}),
    ),
)
.text(
    "All that the filters are true for, and that are not revoked yet; never the token that calls. Call it with \
     `dry_run` to see how many those are, and then with that number as `expect`: where another number is meant by \
     then, nothing is revoked. They are revoked part by part, each part as a whole, and only what the filters are \
     still true for at that moment; a call that was cut off is finished by making it again, with the number that is \
     left. At most 100000 tokens are revoked by one call. Without a filter it has to say `all`.",
)
.body(Content::json::<RevokeMany>(|| json!({"label": "env=test", "unused_for": "90d", "expect": 1})))
.problems(&[&code::NOT_FOUND, &code::COUNT_DIFFERS, &code::INVALID_QUERY]);

pub(in crate::admin) static USAGE: Operation = Operation::read(
    "getTokenUsage",
    Tag::Tokens,
    "Show what a token was used for",
    Answer::json::<UsageRecord>(200, "Its use by day, route and peer.", usage),
)
.text("Uses of the last seconds may be missing.");

pub(in crate::admin) static REVEAL: Operation = Operation::read(
    "revealToken",
    Tag::Tokens,
    "Show a token's text again",
    Answer::json::<Revealed>(200, "The token's text.", || {
        json!({"id": samples::token_id(), "token": samples::TOKEN_TEXT, "curl": samples::curl()})
    }),
)
.text("Only where the account's policy keeps a copy, for who could make such a token; a person's token is shown to that person alone.")
.problems(&[
    &code::GRANTS_EXCEEDED,
    &code::NOT_YOURS,
    &code::UNKNOWN_POLICY,
    &code::NOT_RETRIEVABLE,
    &code::COPY_UNREADABLE,
]);

fn created() -> Value {
    with(token(), &json!({"token": samples::TOKEN_TEXT, "curl": samples::curl()}))
}

fn usage() -> Value {
    let last = "2026-11-25T11:02:41.000Z";
    json!({
        "id": samples::token_id(),
        "requests": 1729,
        "last_used": last,
        "window": "7d",
        "in_use": true,
        "days": [{"day": "2026-11-24", "requests": 800}, {"day": "2026-11-25", "requests": 929}],
        "routes": [{"route": "devices", "requests": 1729, "last_used": last}],
        "peers": [{"peer": "192.0.2.7", "requests": 1729, "last_used": last}],
    })
}

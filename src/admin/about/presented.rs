//! What is said of the calls about the text of a token.

use serde_json::{Value, json};

use super::samples::{self, TOKEN_TEXT, account_id, token_id};
use super::{Answer, Content, ETAG, Operation, Tag};
use crate::admin::wire::asked::AboutText;
use crate::admin::wire::{Introspection, TokenRecord};
use crate::problem::code;

pub(in crate::admin) static INTROSPECT: Operation = Operation::read(
    "introspectToken",
    Tag::Decisions,
    "Tell what a token's text is worth",
    Answer::json::<Introspection>(
        200,
        "What the token may do now (RFC 7662); of a text that the gateway would refuse, that it is not active and no more.",
        || {
            json!({
                "active": true, "scope": "devices:read devices:create devices:update", "client_id": account_id(),
                "token_type": "Bearer", "exp": 1_803_375_000, "iat": 1_795_599_000, "sub": account_id(),
                "jti": token_id(), "urn:keygate:kind": "service", "urn:keygate:name": "deploy",
                "urn:keygate:filters": {"region": ["eu"]},
            })
        },
    ),
)
.text("About the caller's own text, or, with the right `keygate.introspection: read`, about those of its accounts.")
.body(Content::form::<AboutText>(form))
.problems(&[&code::INSUFFICIENT_SCOPE]);

pub(in crate::admin) static REVOKE: Operation = Operation::change(
    "revokeText",
    Tag::Tokens,
    "Revoke a token by its text",
    Answer::empty(
        200,
        "The text is refused from now on, or was worth nothing (RFC 7009): which of the two is not told.",
    ),
)
.text(
    "The caller's own text, or, with the right `keygate.tokens: delete`, those of its accounts. Of a token that was \
     rotated, the old text ends alone.",
)
.body(Content::form::<AboutText>(form))
.problems(&[&code::INSUFFICIENT_SCOPE]);

pub(in crate::admin) static REVOKE_SELF: Operation = Operation::change(
    "revokeCurrentToken",
    Tag::Tokens,
    "Give up the token that makes the call",
    Answer::json::<TokenRecord>(200, "The token, which is refused for good.", samples::revoked).headers(&[ETAG]),
)
.text("Every token can, whatever else it may do. By the old text of a token that was rotated, that text ends alone.")
.problems(&[&code::NOT_FOUND, &code::ALREADY_REVOKED, &code::NO_OVERLAP]);

fn form() -> Value {
    json!({"token": TOKEN_TEXT})
}

//! What is said of the calls about the rotation of tokens.

use serde_json::json;

use super::samples::{TOKEN_TEXT, curl, rotated, with};
use super::{Answer, Content, ETAG, Link, Operation, REPLAYED, Tag, parameters};
use crate::admin::wire::asked::{IdempotencyKey, LongerOverlap, NewRotation};
use crate::admin::wire::{Created, TokenRecord};
use crate::problem::code;

const THIS: &[(&str, &str)] = &[("id", "$response.body#/id")];

const fn record(text: &'static str) -> Answer {
    Answer::json::<TokenRecord>(200, text, rotated).headers(&[ETAG])
}

pub(in crate::admin) static ROTATE: Operation = Operation::change(
    "rotateToken",
    Tag::Tokens,
    "Give a token another text",
    Answer::json::<Created>(200, "The token with its new text, which is shown this once.", || {
        with(rotated(), &json!({"token": TOKEN_TEXT, "curl": curl()}))
    })
    .headers(&[REPLAYED, ETAG])
    .links(&[
        Link { operation: "endTokenOverlap", parameters: THIS },
        Link { operation: "extendTokenOverlap", parameters: THIS },
        Link { operation: "undoTokenRotation", parameters: THIS },
    ]),
)
.text(
    "Id, rights and history stay. The old text is valid for the `overlap`, so that the new one can be put in its place \
     everywhere; what each of the two is used for is counted apart. It takes what making such a token takes.",
)
.takes(&[parameters::<IdempotencyKey>])
.optional_body(Content::json::<NewRotation>(|| json!({"overlap": "1d"})))
.problems(&[
    &code::GRANTS_EXCEEDED,
    &code::NOT_YOURS,
    &code::UNKNOWN_POLICY,
    &code::ALREADY_REVOKED,
    &code::OVERLAP_RUNNING,
    &code::NOT_ROTATABLE,
    &code::COPY_UNREADABLE,
    &code::NO_RANDOMNESS,
]);

pub(in crate::admin) static END: Operation = Operation::change(
    "endTokenOverlap",
    Tag::Tokens,
    "End a token's old text",
    record("The token, whose old text is refused from now on."),
)
.problems(&[&code::ALREADY_REVOKED, &code::NO_OVERLAP]);

pub(in crate::admin) static EXTEND: Operation = Operation::change(
    "extendTokenOverlap",
    Tag::Tokens,
    "Let a token's old text be valid longer",
    record("The token, whose old text is valid longer."),
)
.text("As long as the account's policy allows in all.")
.body(Content::json::<LongerOverlap>(|| json!({"by": "1d"})))
.problems(&[&code::UNKNOWN_POLICY, &code::ALREADY_REVOKED, &code::NO_OVERLAP]);

pub(in crate::admin) static UNDO: Operation = Operation::change(
    "undoTokenRotation",
    Tag::Tokens,
    "Take a token's rotation back",
    record("The token with its old text; the new one is refused from now on."),
)
.text("As long as the old text is valid.")
.problems(&[&code::ALREADY_REVOKED, &code::NO_OVERLAP]);

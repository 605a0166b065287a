//! What is said of the calls about webhooks.

use serde_json::{Value, json};

use super::samples::{account_id, page, token_id};
use super::{Answer, Content, Link, Operation, Tag};
use crate::admin::wire::asked::{DiscardedMessages, RedeliveredMessages};
use crate::admin::wire::{AttemptRecord, DeadLetterRecord, Discarded, Redelivered, WebhookRecord, terms};
use crate::problem::code;

const THIS: &[(&str, &str)] = &[("name", "$request.path.name")];

pub(in crate::admin) static LIST: Operation = Operation::read(
    "listWebhooks",
    Tag::Webhooks,
    "List webhooks",
    Answer::page::<WebhookRecord>("All webhooks of the configuration.", || page(webhook())),
)
.text("How each is: what waits, what could not be delivered, and why. The address is without its path.")
.problems(&[&code::INVALID_QUERY]);

pub(in crate::admin) static SHOW: Operation = Operation::read(
    "getWebhook",
    Tag::Webhooks,
    "Show a webhook",
    Answer::json::<WebhookRecord>(200, "The webhook.", webhook),
)
.problems(&[&code::INVALID_QUERY]);

pub(in crate::admin) static DEAD: Operation = Operation::read(
    "listDeadLetters",
    Tag::Webhooks,
    "List what a webhook could not deliver",
    Answer::page::<DeadLetterRecord>("The messages, the oldest first; at most 1,000 are kept.", || page(letter()))
        .links(&[Link {
            operation: "getDeadLetter",
            parameters: &[("name", "$request.path.name"), ("message", "$response.body#/items/0/id")],
        }]),
)
.problems(&[&code::INVALID_QUERY]);

pub(in crate::admin) static LETTER: Operation = Operation::read(
    "getDeadLetter",
    Tag::Webhooks,
    "Show what a webhook could not deliver",
    Answer::json::<DeadLetterRecord>(200, "The message, with all that the receiver would have got.", letter),
)
.problems(&[&code::INVALID_QUERY]);

pub(in crate::admin) static TEST: Operation = Operation::read(
    "testWebhook",
    Tag::Webhooks,
    "Try a webhook",
    Answer::json::<AttemptRecord>(
        200,
        "What came of it, also where it was not delivered.",
        || json!({"delivered": true, "status": 204, "error": null, "took_ms": 31}),
    ),
)
.text("Sends a message of type `webhook.test`, which says nothing, once and at once.");

pub(in crate::admin) static REDELIVER: Operation = Operation::read(
    "redeliverMessages",
    Tag::Webhooks,
    "Send messages once more that could not be delivered",
    Answer::json::<Redelivered>(200, "How many wait again to be sent.", || json!({"redelivered": 3}))
        .links(&[Link { operation: "getWebhook", parameters: THIS }]),
)
.text(
    "Those with the `ids`, or all. They go out under the ids that they had. A webhook that rests after failures, or \
     whose receiver answered 410, begins again.",
)
.optional_body(Content::json::<RedeliveredMessages>(|| json!({"ids": [terms::MESSAGE]})));

pub(in crate::admin) static DISCARD: Operation = Operation::read(
    "discardMessages",
    Tag::Webhooks,
    "Forget messages that could not be delivered",
    Answer::json::<Discarded>(200, "How many are gone for good.", || json!({"discarded": 3})),
)
.body(Content::json::<DiscardedMessages>(|| json!({"ids": "all"})));

fn webhook() -> Value {
    json!({
        "name": "security",
        "url": "https://hooks.example.com:443/…",
        "events": ["token.expiring", "token.expired"],
        "accounts": [account_id()],
        "state": "failing",
        "pending": 4,
        "dead": 1,
        "delivered": 1729,
        "failed": 12,
        "dropped": 0,
        "last_success": "2026-11-25T09:30:00.000Z",
        "last_error": "it answered 503",
    })
}

fn letter() -> Value {
    json!({
        "id": terms::MESSAGE,
        "type": "token.expiring",
        "at": "2026-11-25T09:30:00.000Z",
        "attempts": 16,
        "reason": "it answered 503",
        "payload": {
            "type": "token.expiring",
            "timestamp": "2026-11-25T09:30:00.000Z",
            "data": {"token": {"id": token_id(), "account": account_id(), "name": "deploy"}, "expires_within_seconds": 604800},
        },
    })
}

//! What is said of the calls about decisions, and about the gateway itself.

use serde_json::{Value, json};

use super::samples::{account, account_id, token, token_id};
use super::{Answer, Content, Operation, Tag};
use crate::admin::health::OPEN_METRICS;
use crate::admin::manual::HTML;
use crate::admin::wire::asked::Question;
use crate::admin::wire::{ExplanationRecord, Whoami};
use crate::problem::code;
use crate::store::MEDIA_TYPE;

const PLAIN: &str = "text/plain; charset=utf-8";

pub(in crate::admin) static WHOAMI: Operation = Operation::read(
    "whoami",
    Tag::Decisions,
    "Show who the caller is",
    Answer::json::<Whoami>(
        200,
        "The token, its account, and what it may do at present.",
        || json!({"token": token(), "account": account(), "grants": {"devices": "read+write"}}),
    ),
);

pub(in crate::admin) static EXPLAIN: Operation = Operation::read(
    "explain",
    Tag::Decisions,
    "Explain a decision",
    Answer::json::<ExplanationRecord>(
        200,
        "What the gateway would answer, and every rule on the way there.",
        explanation,
    ),
)
.text(
    "About the caller itself, or, with the right `keygate.tokens: read`, about a token within reach. Nothing is sent \
     to an upstream.",
)
.body(Content::json::<Question>(|| json!({"method": "DELETE", "path": "/v1/devices/7", "token": token_id()})))
.problems(&[&code::INSUFFICIENT_SCOPE, &code::NOT_FOUND]);

pub(in crate::admin) static BACKUP: Operation = Operation::read(
    "downloadBackup",
    Tag::Gateway,
    "Download a backup of the store",
    Answer::of(
        200,
        "All records as they are at this moment, one a line; `keygate store restore` reads it. A body that breaks off is no backup.",
        Content::text(MEDIA_TYPE, || Value::from("{\"keygate\":\"backup\"}\n")),
    ),
)
.problems(&[&code::BACKUP_RUNNING]);

pub(in crate::admin) static LIVEZ: Operation = Operation::read(
    "livez",
    Tag::Gateway,
    "Tell whether the gateway lives",
    Answer::of(200, "It does.", Content::text(PLAIN, || Value::from("live\n"))),
);

pub(in crate::admin) static READYZ: Operation = Operation::read(
    "readyz",
    Tag::Gateway,
    "Tell whether the gateway serves",
    Answer::of(
        200,
        "It does; a second line says why changes are refused, where they are.",
        Content::text(PLAIN, || Value::from("ready\n")),
    ),
)
.problems(&[&code::NOT_READY]);

pub(in crate::admin) static METRICS: Operation = Operation::read(
    "metrics",
    Tag::Gateway,
    "Show the metrics",
    Answer::of(200, "All metrics, as OpenMetrics text.", Content::text(OPEN_METRICS, || Value::from("# EOF\n"))),
);

pub(in crate::admin) static OPENAPI: Operation = Operation::read(
    "getDescription",
    Tag::Gateway,
    "Show this description",
    Answer::of(
        200,
        "The description of this API (OpenAPI 3.1).",
        Content::json::<Description>(|| json!({"openapi": "3.1.0"})),
    ),
);

pub(in crate::admin) static DOCS: Operation = Operation::read(
    "showReference",
    Tag::Gateway,
    "Read this description",
    Answer::of(200, "A page for people.", Content::text(HTML, || Value::from("<!DOCTYPE html>\n"))),
);

/// An OpenAPI document.
#[derive(utoipa::ToSchema)]
#[schema(as = OpenApi)]
#[expect(dead_code, reason = "says what there is at least")]
struct Description {
    #[schema(examples("3.1.0"))]
    openapi: String,
}

fn explanation() -> Value {
    json!({
        "allowed": false,
        "status": 403,
        "code": "insufficient_scope",
        "rule": "grants",
        "because": "the token has `read+write` on `devices`, and the request takes `delete`",
        "token": token_id(),
        "account": account_id(),
        "route": {"name": "devices", "resource": "devices", "action": "delete"},
        "steps": [
            {"rule": "state", "passed": true, "left": null, "words": "the token is active"},
            {"rule": "grants", "passed": false, "left": "read+write",
             "words": "the token has `read+write` on `devices`, and the request takes `delete`"},
        ],
    })
}

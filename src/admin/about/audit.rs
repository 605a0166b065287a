//! What is said of the call about the audit log.

use serde_json::{Value, json};

use super::samples::{account_id, token_id, user_id};
use super::{Answer, Content, Operation, Tag, parameters};
use crate::admin::audit::JSON_LINES;
use crate::admin::wire::EntryRecord;
use crate::admin::wire::asked::{PageOf, SearchAudit};
use crate::problem::code;

pub(in crate::admin) static LIST: Operation = Operation::read(
    "searchAudit",
    Tag::Audit,
    "Search the audit log",
    Answer::page::<EntryRecord>("Entries, the newest first.", || super::samples::page(entry())),
)
.text(
    "A caller sees what concerns the accounts that it reaches; the root account sees besides what concerns all of them, \
     or one that is gone.",
)
.takes(&[parameters::<PageOf>, parameters::<SearchAudit>])
.problems(&[&code::NOT_FOUND, &code::AUDIT_UNAVAILABLE, &code::AUDIT_FULL]);

pub(in crate::admin) static EXPORT: Operation = Operation::read(
    "exportAudit",
    Tag::Audit,
    "Download the audit log",
    Answer::of(
        200,
        "All of it, one entry a line, as it lies on the disk; `keygate audit verify --file` proves it. A body that \
         breaks off is no export.",
        Content::text(JSON_LINES, || Value::from("{\"seq\":1}\n")),
    ),
)
.problems(&[&code::AUDIT_UNAVAILABLE]);

fn entry() -> Value {
    json!({
        "seq": 4711,
        "time": "2026-11-25T09:30:00.000Z",
        "action": "token.edit",
        "outcome": "done",
        "code": null,
        "actor": {"kind": "token", "token": token_id(), "user": user_id(), "account": account_id()},
        "source": "192.0.2.7",
        "request_id": "019aba72-5f9c-7c1e-8f3a-0a54cf6a1c7e",
        "object": {"kind": "token", "id": token_id(), "account": account_id()},
        "before": {"name": "deploy"},
        "after": {"name": "deploy nightly"},
    })
}

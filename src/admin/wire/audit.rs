//! Entries of the audit log as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::terms;
use crate::audit::{Fields, Line};

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(in crate::admin) struct EntryRecord {
    /// Its place in the log.
    seq: u64,
    #[schema(value_type = terms::Moment)]
    time: String,
    action: String,
    /// `done`, `denied`, `refused`, `unknown`; or `begun` where that is asked for.
    outcome: String,
    /// The code of the problem that was answered; null where it was done.
    #[schema(required)]
    code: Option<String>,
    actor: ActorRecord,
    /// The peer's address; empty where nobody called.
    source: String,
    request_id: String,
    /// Null: it was done to nothing that there is.
    #[schema(required)]
    object: Option<ObjectRecord>,
    /// The fields that were changed, as they were; null: the object was made.
    #[schema(required, value_type = Option<terms::Members>)]
    before: Option<Fields>,
    /// As they are now; null: the object is gone.
    #[schema(required, value_type = Option<terms::Members>)]
    after: Option<Fields>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditActor)]
struct ActorRecord {
    /// `token`, `user`, `system` or `stranger`.
    kind: String,
    #[schema(required)]
    token: Option<String>,
    #[schema(required)]
    user: Option<String>,
    #[schema(required)]
    account: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuditObject)]
struct ObjectRecord {
    kind: String,
    id: String,
    /// Null: it concerns all accounts, or nobody knew.
    #[schema(required)]
    account: Option<String>,
}

impl EntryRecord {
    pub(in crate::admin) fn new(line: Line) -> Self {
        let object =
            line.object.map(|object| ObjectRecord { kind: object.kind, id: object.id, account: object.account });
        let actor = line.actor;
        Self {
            seq: line.seq,
            time: line.time,
            action: line.action,
            outcome: line.outcome,
            code: line.code,
            actor: ActorRecord { kind: actor.kind, token: actor.token, user: actor.user, account: actor.account },
            source: line.source,
            request_id: line.request_id,
            object,
            before: line.before,
            after: line.after,
        }
    }
}

//! The API's JSON: what is read and what is written. The only part that knows serde.

mod account;
pub(super) mod asked;
mod audit;
mod explanation;
mod import;
mod introspection;
mod json;
mod leak;
mod policy;
mod role;
mod rotation;
pub(super) mod terms;
mod token;
mod usage;
mod user;
mod webhook;

pub(super) use account::{AccountRecord, Whoami};
pub(super) use audit::EntryRecord;
pub(super) use explanation::{ExplainedRoute, ExplainedStep, ExplanationRecord};
pub(super) use import::{ImportRecord, ImportedRecord};
pub(super) use introspection::Introspection;
pub(super) use json::{Json, SyntaxError};
pub(super) use leak::{Feedback, Judged};
pub(super) use policy::PolicyRecord;
pub(super) use role::RoleRecord;
pub(super) use token::{Created, Page, Revealed, RevokedMany, TokenRecord, grants_record};
pub(super) use usage::UsageRecord;
pub(super) use user::{Begun, Invited, MemberRecord, UserRecord};
pub(super) use webhook::{AttemptRecord, DeadLetterRecord, Discarded, Redelivered, WebhookRecord};

/// What can be answered.
pub(super) trait Record: serde::Serialize {}

impl Record for TokenRecord {}
impl Record for AccountRecord {}
impl Record for EntryRecord {}
impl Record for PolicyRecord {}
impl Record for RoleRecord {}
impl Record for ImportRecord {}
impl Record for Whoami {}
impl Record for ExplanationRecord {}
impl Record for Created<'_> {}
impl Record for RevokedMany {}
impl Record for Revealed<'_> {}
impl Record for Introspection {}
impl Record for UsageRecord {}
impl Record for WebhookRecord {}
impl Record for DeadLetterRecord {}
impl Record for AttemptRecord {}
impl Record for Redelivered {}
impl Record for Discarded {}
impl Record for UserRecord {}
impl Record for MemberRecord {}
impl Record for Invited<'_> {}
impl Record for Begun<'_> {}
impl Record for Feedback {}
impl Record for Judged {}
impl<T: Record> Record for Vec<T> {}
impl<T: Record> Record for Page<T> {}

/// The bytes of an answer.
pub(super) fn to_bytes(record: &impl Record) -> Vec<u8> {
    serde_json::to_vec(record).expect("records have text keys and no failing parts")
}

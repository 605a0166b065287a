//! What can be asked for, as the API describes it. Bodies are read field by field, so that everything that is
//! wrong with one is told at once; a test compares the fields that are read with those that stand here.

#![expect(dead_code, reason = "what it describes is read field by field")]

mod account;
mod explain;
mod form;
mod import;
mod leak;
mod query;
mod rotation;
mod token;
mod user;
mod webhook;

pub(in crate::admin) use account::{AccountEdit, NewAccount};
pub(in crate::admin) use explain::Question;
pub(in crate::admin) use form::AboutText;
pub(in crate::admin) use import::NewImport;
pub(in crate::admin) use leak::{AlertedText, LeakReport};
pub(in crate::admin) use query::{
    AccountFieldsOf, DeleteAccount, DeleteToken, FieldsOf, IdempotencyKey, IfMatch, IfNoneMatch, InAccount,
    ListAccounts, ListSessions, ListTokens, ListUsers, MemberFieldsOf, PageOf, SearchAudit, UserFieldsOf, WithBelow,
};
pub(in crate::admin) use rotation::{LongerOverlap, NewRotation};
pub(in crate::admin) use token::{NewToken, RevokeMany, TokenEdit};
pub(in crate::admin) use user::{
    AcceptedInvitation, MemberEdit, NewMember, NewSession, NewUser, PasswordChange, UserEdit,
};
pub(in crate::admin) use webhook::{DiscardedMessages, RedeliveredMessages};

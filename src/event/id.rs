//! The id of an event: the same for the same cause, so that a receiver can tell a repetition.

use crate::model::{EventKind, TokenId};

/// `msg_` and 32 hexadecimal digits, which follow from what happened to which token and from what made it
/// happen. After a crash the same event may be made again, and has the same id then.
pub(super) fn of_cause(kind: EventKind, token: TokenId, cause: &str) -> String {
    let hash = blake3::hash(format!("{} {token} {cause}", kind.name()).as_bytes());
    format!("msg_{}", &hash.to_hex()[..32])
}

/// Of an event that has no cause but somebody's wish.
pub(super) fn fresh() -> String {
    format!("msg_{}", uuid::Uuid::now_v7().simple())
}

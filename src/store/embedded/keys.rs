//! Under which keys things lie in the one tree of a generation.
//!
//! One tree, because only there is a batch of sled atomic. Tokens and accounts have the keys that
//! [`record`](crate::store::record) gives them; ids grow with time, so new records lie side by side at
//! the end, which is what keeps sled small and quick. How tokens are found by digest and by account is
//! kept in memory ([`super::index`]): an index by hash in the tree would cost more than the records.

/// The revision of the last commit that is in the tree.
pub(super) const REVISION: &[u8] = b"m/revision";

/// What the keys of all records of a kind lie between.
pub(super) fn bounds(kind: u8) -> std::ops::Range<[u8; 1]> {
    [kind]..[kind + 1]
}

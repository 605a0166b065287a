//! One group of commits in the journal.
//!
//! ```text
//! length of the rest but for the check: u32
//! revision before the group: u64
//! point after it: revision, tokens, accounts, proof
//! operations: u32, and each: length of its key u8, key, length of its value u32 (all ones: removed), value
//! check, keyed, over the check before it and everything above: 16 bytes
//! ```
//!
//! Numbers are little-endian.

use super::super::point::Point;
use crate::store::StoreKey;

const REMOVED: u32 = u32::MAX;
const FIXED: usize = 8 + Point::BYTES + 4;
const CHECK: usize = 16;

/// A record that is there from now on, or (`None`) is not.
pub(in super::super) type Op = (Vec<u8>, Option<Vec<u8>>);

/// A group that is to be written.
pub(in super::super) struct Frame<'a> {
    pub(in super::super) before: &'a Point,
    pub(in super::super) after: &'a Point,
    pub(in super::super) ops: &'a [Op],
}

/// A group that was read, and whose check is right.
pub(in super::super) struct Read {
    pub(in super::super) before: u64,
    pub(in super::super) after: Point,
    pub(in super::super) ops: Vec<Op>,
}

impl Frame<'_> {
    /// The bytes, and their check.
    pub(super) fn encode(&self, key: &StoreKey, previous: &[u8; 16]) -> (Vec<u8>, [u8; 16]) {
        let mut bytes = Vec::with_capacity(4 + FIXED + self.ops.len() * 400 + CHECK);
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&self.before.revision.to_le_bytes());
        bytes.extend_from_slice(&self.after.encode());
        bytes.extend_from_slice(&size(self.ops.len()).to_le_bytes());
        for (name, value) in self.ops {
            bytes.push(u8::try_from(name.len()).expect("keys are shorter than 256 bytes"));
            bytes.extend_from_slice(name);
            match value {
                None => bytes.extend_from_slice(&REMOVED.to_le_bytes()),
                Some(value) => {
                    bytes.extend_from_slice(&size(value.len()).to_le_bytes());
                    bytes.extend_from_slice(value);
                }
            }
        }
        let length = size(bytes.len() - 4);
        bytes[..4].copy_from_slice(&length.to_le_bytes());
        let check = check(key, previous, &bytes);
        bytes.extend_from_slice(&check);
        (bytes, check)
    }
}

/// The frame at the beginning of `bytes`, its check, and how long it is; `None` where there is no
/// whole one.
pub(super) fn decode(bytes: &[u8], key: &StoreKey, previous: &[u8; 16]) -> Option<(Read, [u8; 16], usize)> {
    let length = usize::try_from(u32::from_le_bytes(*bytes.first_chunk::<4>()?)).ok()?;
    let covered = bytes.get(..length.checked_add(4)?)?;
    let found = *bytes.get(covered.len()..)?.first_chunk::<CHECK>()?;
    if check(key, previous, covered) != found {
        return None;
    }
    let (before, rest) = covered[4..].split_first_chunk::<8>()?;
    let (after, rest) = rest.split_first_chunk::<{ Point::BYTES }>()?;
    let read = Read { before: u64::from_le_bytes(*before), after: Point::decode(after), ops: ops(rest)? };
    Some((read, found, covered.len() + CHECK))
}

fn ops(bytes: &[u8]) -> Option<Vec<Op>> {
    let (count, mut rest) = bytes.split_first_chunk::<4>()?;
    let mut ops = Vec::new();
    for _ in 0..u32::from_le_bytes(*count) {
        let (&length, behind) = rest.split_first()?;
        let (name, behind) = behind.split_at_checked(usize::from(length))?;
        let (length, behind) = behind.split_first_chunk::<4>()?;
        let (value, behind) = match u32::from_le_bytes(*length) {
            REMOVED => (None, behind),
            length => {
                let (value, behind) = behind.split_at_checked(usize::try_from(length).ok()?)?;
                (Some(value.to_vec()), behind)
            }
        };
        ops.push((name.to_vec(), value));
        rest = behind;
    }
    rest.is_empty().then_some(ops)
}

fn check(key: &StoreKey, previous: &[u8; 16], covered: &[u8]) -> [u8; 16] {
    key.check_after(previous, covered)
}

fn size(length: usize) -> u32 {
    u32::try_from(length).expect("a group of commits is smaller than 4 GiB")
}

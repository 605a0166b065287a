//! An entry as it stands in the log: one JSON object a line, whose last fields chain it to the one before.
//!
//! ```json
//! {"seq":17,"time":"…","action":"token.edit","outcome":"done",…,"prev":"<hash of line 16>","hash":"…"}
//! ```
//!
//! The hash is keyed, over all that stands before `,"hash"`, so nobody without the pepper can write a line
//! that fits, nor give an altered log a chain of its own.

use serde::{Deserialize, Serialize};

use super::action::Action;
use super::change::{Change, Fields};
use super::entry::{Actor, Entry, Object, ObjectKind, Outcome};
use crate::model::{AccountId, Timestamp};

const HASH: &str = ",\"hash\":\"";
/// A BLAKE3 hash in hexadecimal digits.
const DIGITS: usize = 64;

/// What lines are hashed with.
#[derive(Clone)]
pub struct ChainKey(zeroize::Zeroizing<[u8; 32]>);

/// The last line of a chain: where the next one goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Link {
    /// 0 before the first line.
    pub(super) seq: u64,
    pub(super) hash: [u8; 32],
}

/// An entry with its place.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub seq: u64,
    /// RFC 3339 in UTC with milliseconds, so that the order of texts is that of times.
    pub time: String,
    pub action: String,
    /// `begun`, `done`, `denied`, `refused` or `unknown`.
    pub outcome: String,
    /// The code of the problem that was answered.
    pub code: Option<String>,
    pub actor: ActorForm,
    /// The peer's address.
    pub source: String,
    pub request_id: String,
    pub object: Option<ObjectForm>,
    pub before: Option<Fields>,
    pub after: Option<Fields>,
    /// The line that said that this was about to be done.
    pub settles: Option<u64>,
    prev: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ActorForm {
    /// `token`, `user`, `system`, or `stranger`, of whom nothing is known.
    pub kind: String,
    pub token: Option<String>,
    pub user: Option<String>,
    pub account: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectForm {
    pub kind: String,
    pub id: String,
    pub account: Option<String>,
}

/// What is wrong with a line by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// It does not end as lines do, or its hash is not that of what it says.
    Altered,
    /// The hash fits, and this version does not know what it says.
    Unknown,
}

impl ChainKey {
    /// The context under which `secret` is derived from the pepper.
    pub const SECRET: &'static str = "keygate 2026-11-25 audit chain v1";

    pub fn new(secret: &[u8; 32]) -> Self {
        Self(zeroize::Zeroizing::new(*secret))
    }

    pub(super) fn hash(&self, bytes: &[u8]) -> [u8; 32] {
        *blake3::keyed_hash(&self.0, bytes).as_bytes()
    }
}

impl std::fmt::Debug for ChainKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ChainKey(…)")
    }
}

impl Link {
    /// Before the first line.
    pub(super) const START: Self = Self { seq: 0, hash: [0; 32] };

    pub(super) fn hex(&self) -> String {
        blake3::Hash::from_bytes(self.hash).to_hex().to_string()
    }
}

impl Line {
    pub(super) fn new(entry: &Entry, after: Link, time: Timestamp, settles: Option<u64>) -> Self {
        Self {
            seq: after.seq + 1,
            time: time.to_string(),
            action: entry.action.name().to_owned(),
            outcome: entry.outcome.name().to_owned(),
            code: entry.outcome.code().map(str::to_owned),
            actor: ActorForm::of(&entry.actor),
            source: entry.source.clone(),
            request_id: entry.request.clone(),
            object: entry.object.as_ref().map(|object| ObjectForm {
                kind: object.kind.name().to_owned(),
                id: object.id.clone(),
                account: object.account.map(|id| id.to_string()),
            }),
            before: entry.change.before.clone(),
            after: entry.change.after.clone(),
            settles,
            prev: after.hex(),
        }
    }

    /// The text with its line feed, and the link that it makes.
    pub(super) fn seal(&self, key: &ChainKey) -> (Vec<u8>, Link) {
        let mut text = serde_json::to_vec(self).expect("a line has text keys and no failing parts");
        text.pop();
        let link = Link { seq: self.seq, hash: key.hash(&text) };
        text.extend_from_slice(HASH.as_bytes());
        text.extend_from_slice(link.hex().as_bytes());
        text.extend_from_slice(b"\"}\n");
        (text, link)
    }

    /// Reads a line without its line feed, and proves that who wrote it had the key.
    pub(super) fn open(text: &[u8], key: &ChainKey) -> Result<(Self, Link), Flaw> {
        let (covered, hash) = split(text).ok_or(Flaw::Altered)?;
        // The comparison of hashes takes the same time whatever they are.
        if blake3::Hash::from_bytes(key.hash(covered)) != hash {
            return Err(Flaw::Altered);
        }
        let line = Self::decode(covered).ok_or(Flaw::Unknown)?;
        let link = Link { seq: line.seq, hash: *hash.as_bytes() };
        Ok((line, link))
    }

    /// Reads a line that was proven before.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        Self::decode(split(text)?.0)
    }

    fn decode(covered: &[u8]) -> Option<Self> {
        let mut whole = covered.to_vec();
        whole.push(b'}');
        serde_json::from_slice(&whole).ok()
    }

    /// The hash that the line before has.
    pub(super) fn follows(&self, link: Link) -> bool {
        self.seq == link.seq + 1 && self.prev == link.hex()
    }

    /// The hash of the line before, in hexadecimal digits.
    pub(super) fn previous(&self) -> &str {
        &self.prev
    }

    /// For an announcement that nothing followed: that nobody knows how it ended. `None`: a later version
    /// wrote it.
    pub(super) fn interrupted(&self) -> Option<Entry> {
        let actor = &self.actor;
        let object = match &self.object {
            None => None,
            Some(object) => Some(Object {
                kind: ObjectKind::from_name(&object.kind)?,
                id: object.id.clone(),
                account: object.account.as_deref().and_then(|id| id.parse().ok()),
            }),
        };
        Some(Entry {
            action: Action::from_name(&self.action)?,
            actor: Actor {
                token: actor.token.as_deref().and_then(|id| id.parse().ok()),
                user: actor.user.as_deref().and_then(|id| id.parse().ok()),
                account: actor.account.as_deref().and_then(|id| id.parse().ok()),
                is_system: actor.kind == "system",
            },
            source: self.source.clone(),
            request: self.request_id.clone(),
            object,
            change: Change::none(),
            outcome: Outcome::Unknown("interrupted"),
        })
    }

    /// Whether this is an announcement of what the next entry of the request tells.
    pub fn is_announcement(&self) -> bool {
        self.outcome == "begun"
    }

    /// The account that the entry concerns: that of the object, else that of who acted. `None`: all of them.
    pub fn account(&self) -> Option<AccountId> {
        let of_object = self.object.as_ref().and_then(|object| object.account.as_deref());
        of_object.or(self.actor.account.as_deref())?.parse().ok()
    }
}

impl ActorForm {
    fn of(actor: &Actor) -> Self {
        let kind = match actor {
            Actor { is_system: true, .. } => "system",
            Actor { token: Some(_), .. } => "token",
            Actor { user: Some(_), .. } => "user",
            Actor { .. } => "stranger",
        };
        Self {
            kind: kind.to_owned(),
            token: actor.token.map(|id| id.to_string()),
            user: actor.user.map(|id| id.to_string()),
            account: actor.account.map(|id| id.to_string()),
        }
    }
}

/// What the hash covers, and the hash.
fn split(text: &[u8]) -> Option<(&[u8], blake3::Hash)> {
    let rest = text.strip_suffix(b"\"}")?;
    let (rest, digits) = rest.split_at_checked(rest.len().checked_sub(DIGITS)?)?;
    let covered = rest.strip_suffix(HASH.as_bytes())?;
    // One hash has one text.
    if digits.iter().any(u8::is_ascii_uppercase) {
        return None;
    }
    Some((covered, blake3::Hash::from_hex(digits).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ChainKey {
        ChainKey::new(&[7; 32])
    }

    fn line() -> Line {
        let entry = Entry::system(Action::GatewayStart, Object::whole(ObjectKind::Gateway), Change::none());
        Line::new(&entry, Link::START, Timestamp::from_millis(0), None)
    }

    #[test]
    fn what_is_sealed_is_opened_with_the_same_key_alone() {
        let line = line();
        let (text, link) = line.seal(&key());
        let text = text.strip_suffix(b"\n").expect("a line");
        assert_eq!(Line::open(text, &key()), Ok((line.clone(), link)));
        assert_eq!(Line::open(text, &ChainKey::new(&[8; 32])), Err(Flaw::Altered));
        assert!(line.follows(Link::START) && !line.follows(link));
    }

    #[test]
    fn no_flipped_bit_is_overlooked() {
        let (text, _) = line().seal(&key());
        let text = text.strip_suffix(b"\n").expect("a line");
        for at in 0..text.len() {
            for bit in 0..8 {
                let mut flipped = text.to_vec();
                flipped[at] ^= 1 << bit;
                assert_eq!(Line::open(&flipped, &key()), Err(Flaw::Altered), "byte {at}, bit {bit}");
            }
        }
    }
}

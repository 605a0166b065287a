//! What of a token's record an index knows: read without the rest of it, for whoever goes through millions.

use super::skim::{self, Value};
use super::{CHECKSUM, Problem};
use crate::model::{AccountId, Digest, Kind, Labels, State, Timestamp, Token, TokenId, UserId};

/// What tokens are found by.
pub(in super::super) struct Indexed<'a> {
    pub(in super::super) account: AccountId,
    pub(in super::super) digest: Digest,
    /// Of the text that another one replaced.
    pub(in super::super) old_digest: Option<Digest>,
    pub(in super::super) traits: Traits<'a>,
}

impl Indexed<'_> {
    pub(in super::super) fn digests(&self) -> impl Iterator<Item = Digest> + use<> {
        [Some(self.digest), self.old_digest].into_iter().flatten()
    }
}

/// What tokens are filtered and sorted by.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct Traits<'a> {
    pub(in super::super) kind: Kind,
    /// When it was revoked is not told.
    pub(in super::super) state: State,
    pub(in super::super) name: &'a str,
    pub(in super::super) has_description: bool,
    pub(in super::super) has_not_before: bool,
    pub(in super::super) expires: Option<i64>,
    pub(in super::super) created: i64,
    pub(in super::super) user: Option<UserId>,
    pub(in super::super) created_by: Option<TokenId>,
    pub(in super::super) labels: Labels,
}

const REVOKED: State = State::Revoked { at: Timestamp::from_millis(0) };

impl<'a> Traits<'a> {
    pub(in super::super) fn of(token: &'a Token) -> Self {
        Self {
            kind: token.kind,
            state: if let State::Revoked { .. } = token.state { REVOKED } else { token.state },
            name: &token.name,
            has_description: !token.description.is_empty(),
            has_not_before: token.not_before.is_some(),
            expires: token.expires.map(Timestamp::millis),
            created: token.created.millis(),
            user: token.user,
            created_by: token.created_by,
            labels: token.labels.clone(),
        }
    }
}

/// Reads no more of a token's record than [`Indexed`], and does not look at its checksum: for whoever
/// goes through millions of them, and proves all of them together.
pub(in super::super) fn indexed(bytes: &[u8]) -> Result<Indexed<'_>, Problem> {
    let payload = bytes.get(1..bytes.len().saturating_sub(CHECKSUM)).ok_or(Problem::Short)?;
    let mut found = Parts::default();
    let whole = skim::each(payload, |name, value| found.take(name, value));
    whole.and_then(|()| found.indexed()).ok_or_else(|| {
        Problem::Contents("it lacks an account, a digest, a name, a kind, a state or the time it was made".to_owned())
    })
}

/// Fields as far as they were met.
#[derive(Default)]
struct Parts<'a> {
    account: Option<&'a [u8]>,
    digest: Option<&'a [u8]>,
    old_digest: Option<&'a [u8]>,
    kind: Option<Kind>,
    state: Option<State>,
    name: Option<&'a str>,
    has_description: bool,
    has_not_before: bool,
    expires: Option<i64>,
    created: Option<i64>,
    user: Option<UserId>,
    created_by: Option<TokenId>,
    /// `None`: they cannot be read.
    labels: Option<Labels>,
    with_labels: bool,
}

impl<'a> Parts<'a> {
    fn take(&mut self, name: &[u8], value: Value<'a>) {
        let text = || str::from_utf8(value.contents).ok();
        let id = || value.contents.try_into().ok();
        match name {
            b"account" => self.account = Some(value.contents),
            b"digest" => self.digest = Some(value.contents),
            b"old_digest" => self.old_digest = Some(value.contents),
            b"kind" => self.kind = text().and_then(Kind::from_name),
            b"state" => self.state = state(value),
            b"name" => self.name = text(),
            b"description" => self.has_description = !value.contents.is_empty(),
            b"not_before" => self.has_not_before = value.number().is_some(),
            b"expires" => self.expires = value.number(),
            b"created" => self.created = value.number(),
            b"user" => self.user = id().map(UserId::from_bytes),
            b"created_by" => self.created_by = id().map(TokenId::from_bytes),
            b"labels" => {
                self.with_labels = true;
                let entries: Option<Vec<(String, String)>> = rmp_serde::from_slice(value.raw).ok();
                self.labels = entries.and_then(|entries| Labels::new(entries).ok());
            }
            _ => {}
        }
    }

    fn indexed(self) -> Option<Indexed<'a>> {
        let labels = if self.with_labels { self.labels? } else { Labels::default() };
        Some(Indexed {
            account: AccountId::from_bytes(self.account?.try_into().ok()?),
            digest: Digest::from_bytes(self.digest?.try_into().ok()?),
            old_digest: match self.old_digest {
                None => None,
                Some(digest) => Some(Digest::from_bytes(digest.try_into().ok()?)),
            },
            traits: Traits {
                kind: self.kind?,
                state: self.state?,
                name: self.name?,
                has_description: self.has_description,
                has_not_before: self.has_not_before,
                expires: self.expires,
                created: self.created?,
                user: self.user,
                created_by: self.created_by,
                labels,
            },
        })
    }
}

fn state(value: Value<'_>) -> Option<State> {
    match value.contents {
        b"active" => Some(State::Active),
        b"disabled" => Some(State::Disabled),
        // The only one with something in it.
        _ if value.raw.first() == Some(&0x81) => Some(REVOKED),
        _ => None,
    }
}

//! What a list of tokens asks of a store: which ones, in which order, and from where on.

use std::cmp::Ordering;

use crate::model::{AccountId, Timestamp, Token, TokenFilter, TokenId};

/// A question for a part of a list.
#[derive(Debug, Clone)]
pub struct Search {
    /// Of which accounts; none is named twice.
    pub accounts: Vec<AccountId>,
    pub filter: TokenFilter,
    pub order: Order,
    /// Behind which place it begins; `None`: at the start.
    pub after: Option<Place>,
    /// As many tokens at most.
    pub limit: usize,
    pub now: Timestamp,
}

/// By what, and in which direction, tokens are sorted; those that are equal by their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Order {
    pub by: SortBy,
    pub descending: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SortBy {
    /// The order of the ids, which is that of the creations.
    #[default]
    Created,
    /// Without regard to the case of A to Z.
    Name,
    /// Those that never expire last.
    Expires,
    /// Those that were never used first.
    LastUsed,
}

/// Where in a list a token stands. It outlives the token: what comes behind it can still be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub key: SortKey,
    pub id: TokenId,
}

/// What a token is sorted by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SortKey {
    Created,
    Name(Box<str>),
    At(i64),
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub tokens: Vec<Token>,
    /// Behind which place to go on; `None`: there is nothing more. A part may be shorter than was asked for,
    /// or empty, and not be the last.
    pub next: Option<Place>,
}

/// How many tokens a filter is true for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    Exactly(u64),
    /// More would have to be read than one call may.
    TooMany,
}

/// The key of a token that was not copied.
#[derive(Debug, Clone, Copy)]
pub(super) enum KeyRef<'a> {
    Created,
    Name(&'a str),
    At(i64),
}

impl Search {
    /// The whole list in the order of creation.
    pub fn of(accounts: Vec<AccountId>, filter: TokenFilter, limit: usize, now: Timestamp) -> Self {
        Self { accounts, filter, order: Order::default(), after: None, limit, now }
    }

    pub(super) fn is_behind_place(&self, place: &Place) -> bool {
        let (key, id) = place.as_ref();
        self.is_behind(key, id)
    }

    /// Whether a token at this place comes behind the beginning.
    pub(super) fn is_behind(&self, key: KeyRef<'_>, id: TokenId) -> bool {
        let after = self.after.as_ref();
        after.is_none_or(|after| self.order.compare((key, id), after.as_ref()) == Ordering::Greater)
    }
}

impl Order {
    pub(super) fn compare(self, one: (KeyRef<'_>, TokenId), other: (KeyRef<'_>, TokenId)) -> Ordering {
        let order = one.0.compare(other.0).then(one.1.cmp(&other.1));
        if self.descending { order.reverse() } else { order }
    }

    /// What a token is sorted by.
    pub(super) fn key<'a>(self, name: &'a str, expires: Option<i64>, last_used: Option<Timestamp>) -> KeyRef<'a> {
        match self.by {
            SortBy::Created => KeyRef::Created,
            SortBy::Name => KeyRef::Name(name),
            SortBy::Expires => KeyRef::At(expires.unwrap_or(i64::MAX)),
            SortBy::LastUsed => KeyRef::At(last_used.map_or(i64::MIN, Timestamp::millis)),
        }
    }
}

impl Place {
    pub(super) fn as_ref(&self) -> (KeyRef<'_>, TokenId) {
        (self.key.as_ref(), self.id)
    }
}

impl SortKey {
    fn as_ref(&self) -> KeyRef<'_> {
        match self {
            SortKey::Created => KeyRef::Created,
            SortKey::Name(name) => KeyRef::Name(name),
            SortKey::At(at) => KeyRef::At(*at),
        }
    }
}

impl KeyRef<'_> {
    pub(super) fn to_owned(self) -> SortKey {
        match self {
            KeyRef::Created => SortKey::Created,
            KeyRef::Name(name) => SortKey::Name(name.into()),
            KeyRef::At(at) => SortKey::At(at),
        }
    }

    fn compare(self, other: KeyRef<'_>) -> Ordering {
        match (self, other) {
            (KeyRef::Name(one), KeyRef::Name(other)) => compare_names(one, other),
            (KeyRef::At(one), KeyRef::At(other)) => one.cmp(&other),
            // A place of another order than the search's is never given.
            _ => Ordering::Equal,
        }
    }
}

/// Without regard to the case of A to Z: that of other scripts would cost a copy of each name.
pub fn compare_names(one: &str, other: &str) -> Ordering {
    let length = one.len().min(other.len());
    for (a, b) in one.as_bytes()[..length].iter().zip(&other.as_bytes()[..length]) {
        match a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase()) {
            Ordering::Equal => {}
            unequal => return unequal,
        }
    }
    one.len().cmp(&other.len())
}

/// The use of a token as lists know it: to the second, which is more than is known of it.
pub fn to_second(last_used: Timestamp) -> Timestamp {
    Timestamp::from_millis(last_used.millis().div_euclid(1_000).clamp(1, i64::from(u32::MAX)) * 1_000)
}

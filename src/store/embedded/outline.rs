//! What is in memory of every token, to find and to sort them without reading their records: 40 bytes and
//! the name.
//!
//! Some of it is exact, and some tells only which tokens cannot be meant; of what is left the record decides.

use crate::model::{Kind, Labels, Standing, State, Timestamp, TokenFilter, TokenId, UserId};
use crate::store::record::Traits;

/// One token. There are millions: each field is as small as it can be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Outline {
    name: Box<str>,
    /// `i64::MAX`: never.
    expires: i64,
    /// Seconds since 1970; 0: never.
    last_used: u32,
    /// Seconds since 1970, as far as they fit.
    created: u32,
    /// Six flags, and above them what labels there may be.
    marks: u32,
    /// A part of the user's id; 0: nobody's.
    user: u16,
    created_by: u16,
}

/// Whether a token is meant by a filter, as far as can be told here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meant {
    No,
    Yes,
    /// The record has to be asked.
    Perhaps,
}

const KIND: u32 = 0b11;
const STATE: u32 = 0b11 << 2;
const DISABLED: u32 = 0b01 << 2;
const REVOKED: u32 = 0b10 << 2;
const NOT_BEFORE: u32 = 1 << 4;
const DESCRIPTION: u32 = 1 << 5;
const FLAGS: u32 = 6;

impl Outline {
    pub(super) fn of(traits: &Traits<'_>) -> Self {
        let kind = Kind::ALL.iter().position(|kind| *kind == traits.kind).unwrap_or_default() as u32;
        let state = match traits.state {
            State::Active => 0,
            State::Disabled => DISABLED,
            State::Revoked { .. } => REVOKED,
        };
        let flag = |is_set: bool, flag| if is_set { flag } else { 0 };
        let labels =
            traits.labels.iter().fold(0, |marks, (key, value)| marks | mark(key, None) | mark(key, Some(value)));
        Self {
            name: traits.name.into(),
            expires: traits.expires.unwrap_or(i64::MAX),
            last_used: 0,
            created: u32::try_from(traits.created.div_euclid(1_000).max(0)).unwrap_or(u32::MAX),
            marks: kind
                | state
                | flag(traits.has_not_before, NOT_BEFORE)
                | flag(traits.has_description, DESCRIPTION)
                | labels,
            user: traits.user.map_or(0, short_user),
            created_by: traits.created_by.map_or(0, short_token),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    pub(super) fn expires(&self) -> Option<i64> {
        Some(self.expires).filter(|expires| *expires != i64::MAX)
    }

    pub(super) fn last_used(&self) -> Option<Timestamp> {
        (self.last_used != 0).then(|| Timestamp::from_millis(i64::from(self.last_used) * 1_000))
    }

    /// Takes the use in; a later one that is known stays.
    pub(super) fn used(&mut self, at: Timestamp) {
        let second = u32::try_from(at.millis().div_euclid(1_000).max(1)).unwrap_or(u32::MAX);
        self.last_used = self.last_used.max(second);
    }

    /// The record was changed, and the use was not.
    pub(super) fn used_as(self, former: &Outline) -> Self {
        Self { last_used: former.last_used, ..self }
    }

    /// What costs least is looked at first.
    pub(super) fn is_meant(&self, filter: &TokenFilter, now: Timestamp) -> Meant {
        if !filter.has_kind(self.kind()) || filter.user.is_some_and(|id| short_user(id) != self.user) {
            return Meant::No;
        }
        if filter.created_by.is_some_and(|id| short_token(id) != self.created_by) {
            return Meant::No;
        }
        let by = |by: Timestamp| now.millis() < self.expires && self.expires <= by.millis() && self.expires != i64::MAX;
        if filter.expires_by.is_some_and(|at| !by(at)) {
            return Meant::No;
        }
        let ids = if filter.user.is_some() || filter.created_by.is_some() { Meant::Perhaps } else { Meant::Yes };
        ids.and(|| self.is_unused(filter))
            .and(|| self.has_state(filter, now))
            .and(|| self.has_labels(filter))
            .and(|| self.has_text(filter))
    }

    fn kind(&self) -> Kind {
        Kind::ALL[(self.marks & KIND) as usize]
    }

    fn has_state(&self, filter: &TokenFilter, now: Timestamp) -> Meant {
        let is = |standing| Meant::of(filter.has_state(standing));
        let at = Timestamp::from_millis(self.expires);
        match self.marks & STATE {
            REVOKED => is(Standing::Revoked { at }),
            _ if self.expires != i64::MAX && at <= now => is(Standing::Expired { at }),
            DISABLED => is(Standing::Disabled),
            _ if self.marks & NOT_BEFORE == 0 => is(Standing::Active),
            // It is one of the two.
            _ => match (is(Standing::Active), is(Standing::NotYetValid { from: at })) {
                (one, other) if one == other => one,
                _ => Meant::Perhaps,
            },
        }
    }

    fn is_unused(&self, filter: &TokenFilter) -> Meant {
        let Some(since) = filter.unused_since.map(Timestamp::millis) else { return Meant::Yes };
        if let Some(last) = self.last_used() {
            return Meant::of(last.millis() < since);
        }
        // Within this second.
        let created = i64::from(self.created) * 1_000;
        match () {
            () if self.created == u32::MAX => Meant::Perhaps,
            () if created + 999 < since => Meant::Yes,
            () if created >= since && self.created != 0 => Meant::No,
            () => Meant::Perhaps,
        }
    }

    fn has_labels(&self, filter: &TokenFilter) -> Meant {
        match () {
            () if filter.labels.is_empty() => Meant::Yes,
            () if self.marks >> FLAGS == 0 => Meant::of(filter.labels.has(&Labels::default())),
            () if filter.labels.is_possible(|key, value| self.marks & mark(key, value) != 0) => Meant::Perhaps,
            () => Meant::No,
        }
    }

    fn has_text(&self, filter: &TokenFilter) -> Meant {
        match () {
            () if filter.has_text(&self.name) => Meant::Yes,
            () if self.marks & DESCRIPTION != 0 => Meant::Perhaps,
            () => Meant::No,
        }
    }
}

impl Meant {
    fn of(is_meant: bool) -> Self {
        if is_meant { Meant::Yes } else { Meant::No }
    }

    /// Both; the second is not asked for in vain.
    fn and(self, other: impl FnOnce() -> Meant) -> Self {
        match self {
            Meant::No => Meant::No,
            Meant::Yes => other(),
            Meant::Perhaps if other() == Meant::No => Meant::No,
            Meant::Perhaps => Meant::Perhaps,
        }
    }
}

/// Ids end in random bits.
fn short_user(id: UserId) -> u16 {
    short(id.to_bytes())
}

fn short_token(id: TokenId) -> u16 {
    short(id.to_bytes())
}

fn short([.., high, low]: [u8; 16]) -> u16 {
    u16::from_be_bytes([high, low]).max(1)
}

/// One bit for a key, and one for a key with its value.
fn mark(key: &str, value: Option<&str>) -> u32 {
    let bytes = key.bytes().chain(value.into_iter().flat_map(|value| [b'='].into_iter().chain(value.bytes())));
    // FNV-1a; whoever steers it makes its own labels slower to find.
    let hash = bytes.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    1 << (FLAGS + (hash ^ hash >> 16) % (32 - FLAGS))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::Token;
    use crate::store::record::tests::token;
    use crate::store::record::{Stored, indexed};
    use crate::store::to_second;

    #[test]
    fn an_outline_is_small() {
        assert_eq!(size_of::<Outline>(), 40);
    }

    /// Conditions that a token may or may not meet, most of them near to what it is.
    fn filter(token: &Token, choice: u16, now: Timestamp) -> TokenFilter {
        let has = |bit: u16| choice >> bit & 1 == 1;
        let pick = |bit: u16, states: [&'static str; 2]| if has(bit) { states.to_vec() } else { vec![] };
        let label = token.labels.iter().next().map(|(key, value)| format!("{key}={value}"));
        let text = if has(1) { token.name.to_lowercase().chars().take(2).collect() } else { "b".to_owned() };
        TokenFilter {
            states: pick(0, if has(2) { ["active", "expired"] } else { ["revoked", "not_yet_valid"] }),
            kinds: if has(3) { vec![Kind::Service, Kind::Session] } else { vec![] },
            user: token.user.filter(|_| has(4)),
            created_by: token.created_by.filter(|_| has(5)),
            unused_since: has(6).then(|| {
                Timestamp::from_millis(if has(7) { token.created.millis().saturating_add(500) } else { 7_000 })
            }),
            expires_by: has(8).then_some(Timestamp::from_millis(i64::MAX - 1)).filter(|_| now.millis() > 0),
            text: has(9).then_some(text),
            labels: if has(10) {
                label.unwrap_or("!a".to_owned()).parse().expect("a selector")
            } else {
                Default::default()
            },
        }
    }

    proptest! {
        #[test]
        fn what_it_is_sure_of_is_true(token in token(), choice in any::<u16>(), now in any::<i64>(), used in prop::option::of(any::<i64>())) {
            let now = Timestamp::from_millis(now);
            let used = used.map(Timestamp::from_millis);
            let filter = filter(&token, choice, now);
            let mut outline = Outline::of(&Traits::of(&token));
            used.into_iter().for_each(|at| outline.used(at));
            prop_assert_eq!(outline.last_used(), used.map(to_second));
            let is_meant = filter.has(&token, used.map(to_second), now);
            match outline.is_meant(&filter, now) {
                Meant::Yes => prop_assert!(is_meant, "{filter:?} is not true for {token:?}"),
                Meant::No => prop_assert!(!is_meant, "{filter:?} is true for {token:?}"),
                Meant::Perhaps => {}
            }
        }

        #[test]
        fn a_record_and_its_token_have_one_outline(token in token()) {
            let record = token.encode();
            prop_assert_eq!(&indexed(&record).expect("a whole record").traits, &Traits::of(&token));
        }
    }
}

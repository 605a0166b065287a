//! Rotation: a token gets another text, and the old one is good for a while yet.
//!
//! A token has two texts at most: the present one, and the one that it replaced. The old one is
//! remembered after its end too, so that who holds it is told what became of it.

use std::time::Duration;

use super::clock::Timestamp;
use super::digest::Digest;
use super::id::TokenId;
use super::token::Token;

/// What became of a token's texts. Only a token that was rotated has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rotation {
    /// Which of the token's texts the present one is; the first is 0.
    pub number: u32,
    /// Since when the present text is there; `None`: since the token is.
    pub since: Option<Timestamp>,
    pub old: OldSecret,
    /// The last [`Rotation::HISTORY`] changes of the text, the latest last.
    pub history: Vec<Turn>,
}

/// A text whose place another one took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OldSecret {
    pub number: u32,
    pub since: Option<Timestamp>,
    pub hint: String,
    pub digest: Digest,
    /// Encrypted, while it may become the present one again.
    pub sealed: Option<Box<[u8]>>,
    /// When another one took its place.
    pub replaced: Timestamp,
    pub life: Life,
}

/// How long an old text is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Before this moment.
    Until(Timestamp),
    /// No more, whatever a clock that is set back says.
    Ended(Timestamp),
}

/// One change of the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    pub at: Timestamp,
    /// The token that asked for it.
    pub by: Option<TokenId>,
    pub what: TurnKind,
    /// Of the text that was the present one until then.
    pub hint: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TurnKind {
    /// A new text took the place.
    Rotated,
    /// The old text took its place back.
    Undone,
}

/// By which of its two texts a token was presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    Present,
    Old,
}

/// A text that a token is to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSecret {
    pub hint: String,
    pub digest: Digest,
    pub sealed: Option<Box<[u8]>>,
}

/// Why the texts of a token stay as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RotationFault {
    /// The old text is good until then, and that it may end was not said.
    Running { until: Timestamp },
    /// There is no old text, or it is not good any more.
    NotRunning,
    /// An overlap is no longer than `max`, which is until `until`.
    TooLong { max: Duration, until: Timestamp },
}

impl Rotation {
    /// Changes that are remembered.
    pub const HISTORY: usize = 16;

    fn note(history: &mut Vec<Turn>, turn: Turn) {
        history.push(turn);
        let forgotten = history.len().saturating_sub(Self::HISTORY);
        history.drain(..forgotten);
    }
}

impl OldSecret {
    /// When it stopped being good; `None`: it is good at `now`.
    pub fn over(&self, now: Timestamp) -> Option<Timestamp> {
        match self.life {
            Life::Until(until) if now < until => None,
            Life::Until(at) | Life::Ended(at) => Some(at),
        }
    }

    /// Until when it is good; `None`: it is not good at `now`.
    pub fn good_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self.life {
            Life::Until(until) if now < until => Some(until),
            Life::Until(_) | Life::Ended(_) => None,
        }
    }
}

impl TurnKind {
    pub const fn name(self) -> &'static str {
        match self {
            TurnKind::Rotated => "rotated",
            TurnKind::Undone => "undone",
        }
    }

    pub fn from_name(name: &str) -> Option<TurnKind> {
        [TurnKind::Rotated, TurnKind::Undone].into_iter().find(|kind| kind.name() == name)
    }
}

impl Secret {
    pub const fn name(self) -> &'static str {
        match self {
            Secret::Present => "present",
            Secret::Old => "old",
        }
    }
}

impl Token {
    /// Under which it is looked up: the present text's, and the old one's where there is one.
    pub fn digests(&self) -> impl Iterator<Item = Digest> {
        [Some(self.digest), self.rotation.as_ref().map(|rotation| rotation.old.digest)].into_iter().flatten()
    }

    /// Which of its texts has this digest. Each is compared in constant time.
    pub fn secret_of(&self, digest: &Digest) -> Option<Secret> {
        match &self.rotation {
            _ if self.digest == *digest => Some(Secret::Present),
            Some(rotation) if rotation.old.digest == *digest => Some(Secret::Old),
            _ => None,
        }
    }

    /// Which one of its texts it is, counted from the first; `None`: it never had another.
    pub fn number_of(&self, secret: Secret) -> Option<u32> {
        self.rotation.as_ref().map(|rotation| match secret {
            Secret::Present => rotation.number,
            Secret::Old => rotation.old.number,
        })
    }

    /// Since when its present text is there.
    pub fn secret_since(&self) -> Timestamp {
        self.rotation.as_ref().and_then(|rotation| rotation.since).unwrap_or(self.created)
    }

    fn running(&self, now: Timestamp) -> Option<Timestamp> {
        self.rotation.as_ref().and_then(|rotation| rotation.old.good_until(now))
    }

    /// Gives it another text. The present one is good for `overlap` yet; one that is older is good no
    /// more, which must be meant (`ends_running`).
    pub fn rotate(
        &mut self,
        new: NewSecret,
        overlap: Duration,
        ends_running: bool,
        (at, by): (Timestamp, Option<TokenId>),
    ) -> Result<(), RotationFault> {
        if let Some(until) = self.running(at).filter(|_| !ends_running) {
            return Err(RotationFault::Running { until });
        }
        let life = if overlap.is_zero() { Life::Ended(at) } else { Life::Until(at.plus(overlap)) };
        let last = self.rotation.take().map(|last| *last);
        let (number, since) = last.as_ref().map_or((0, None), |last| (last.number, last.since));
        let highest = last.as_ref().map_or(0, |last| last.number.max(last.old.number));
        let old = OldSecret {
            number,
            since,
            hint: std::mem::replace(&mut self.hint, new.hint),
            digest: std::mem::replace(&mut self.digest, new.digest),
            sealed: std::mem::replace(&mut self.sealed, new.sealed).filter(|_| matches!(life, Life::Until(_))),
            replaced: at,
            life,
        };
        let mut history = last.map(|last| last.history).unwrap_or_default();
        Rotation::note(&mut history, Turn { at, by, what: TurnKind::Rotated, hint: old.hint.clone() });
        let rotation = Rotation { number: highest.saturating_add(1), since: Some(at), old, history };
        self.rotation = Some(Box::new(rotation));
        Ok(())
    }

    /// Has the old text be good no more.
    pub fn end_overlap(&mut self, at: Timestamp) -> Result<(), RotationFault> {
        let old = self.running_old(at)?;
        (old.life, old.sealed) = (Life::Ended(at), None);
        Ok(())
    }

    /// Has the old text be good for longer, as far as an overlap of `max` goes.
    pub fn extend_overlap(&mut self, by: Duration, max: Duration, now: Timestamp) -> Result<(), RotationFault> {
        let old = self.running_old(now)?;
        let until = old.good_until(now).unwrap_or(now).plus(by);
        let latest = old.replaced.plus(max);
        if until > latest {
            return Err(RotationFault::TooLong { max, until: latest });
        }
        old.life = Life::Until(until);
        Ok(())
    }

    /// Makes the old text the present one again; the one that had replaced it is good no more.
    pub fn undo_rotation(&mut self, (at, by): (Timestamp, Option<TokenId>)) -> Result<(), RotationFault> {
        self.running_old(at)?;
        let Some(mut rotation) = self.rotation.take() else { return Err(RotationFault::NotRunning) };
        let Rotation { number, since, old, history } = &mut *rotation;
        std::mem::swap(&mut self.hint, &mut old.hint);
        std::mem::swap(&mut self.digest, &mut old.digest);
        self.sealed = old.sealed.take();
        std::mem::swap(number, &mut old.number);
        std::mem::swap(since, &mut old.since);
        (old.replaced, old.life) = (at, Life::Ended(at));
        Rotation::note(history, Turn { at, by, what: TurnKind::Undone, hint: old.hint.clone() });
        self.rotation = Some(rotation);
        Ok(())
    }

    fn running_old(&mut self, now: Timestamp) -> Result<&mut OldSecret, RotationFault> {
        let old = self.rotation.as_mut().map(|rotation| &mut rotation.old);
        old.filter(|old| old.good_until(now).is_some()).ok_or(RotationFault::NotRunning)
    }

    /// Forgets the copies of its texts, which nobody needs to see again.
    pub fn forget_copies(&mut self) {
        self.sealed = None;
        if let Some(rotation) = &mut self.rotation {
            rotation.old.sealed = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AccountId, Grants, Kind, Revision, State};

    const DAY: Duration = Duration::from_secs(86_400);

    fn at(hour: i64) -> Timestamp {
        Timestamp::from_millis(hour * 3_600_000)
    }

    fn new(byte: u8) -> NewSecret {
        NewSecret { hint: format!("h{byte}"), digest: Digest::from_bytes([byte; 32]), sealed: Some([byte].into()) }
    }

    fn token() -> Token {
        Token {
            id: TokenId::fresh(),
            account: AccountId::fresh(),
            kind: Kind::Service,
            name: String::new(),
            description: String::new(),
            grants: Grants::default(),
            roles: Vec::new(),
            user: None,
            filters: Default::default(),
            labels: Default::default(),
            sealed: Some([0].into()),
            state: State::Active,
            not_before: None,
            expires: None,
            rate_limit: None,
            created: at(0),
            created_by: None,
            hint: "h0".to_owned(),
            digest: Digest::from_bytes([0; 32]),
            rotation: None,
            revision: Revision(1),
        }
    }

    fn old(token: &Token) -> &OldSecret {
        &token.rotation.as_ref().expect("rotated").old
    }

    #[test]
    fn the_old_text_is_good_for_the_overlap_and_is_known_after_it() {
        let mut token = token();
        token.rotate(new(1), DAY, false, (at(1), None)).expect("rotated");
        let (present, before) = (Digest::from_bytes([1; 32]), Digest::from_bytes([0; 32]));
        assert_eq!(token.digests().collect::<Vec<_>>(), [present, before]);
        assert_eq!((token.secret_of(&present), token.secret_of(&before)), (Some(Secret::Present), Some(Secret::Old)));
        assert_eq!((old(&token).over(at(24)), old(&token).over(at(25))), (None, Some(at(25))), "to the very moment");
        assert_eq!((token.secret_since(), token.hint.as_str(), old(&token).hint.as_str()), (at(1), "h1", "h0"));
        token.rotate(new(2), Duration::ZERO, false, (at(26), None)).expect("the overlap is over");
        assert_eq!(token.secret_of(&before), None);
        assert_eq!(
            (old(&token).over(at(0)), &old(&token).sealed),
            (Some(at(26)), &None),
            "even if the clock is set back"
        );
    }

    #[test]
    fn an_overlap_is_ended_by_another_rotation_only_if_that_is_meant() {
        let mut token = token();
        token.rotate(new(1), DAY, false, (at(1), None)).expect("rotated");
        let refused = token.clone().rotate(new(2), DAY, false, (at(2), None));
        assert_eq!(refused, Err(RotationFault::Running { until: at(25) }));
        token.rotate(new(2), DAY, true, (at(2), None)).expect("it was meant");
        assert_eq!((token.secret_of(&Digest::from_bytes([0; 32])), old(&token).hint.as_str()), (None, "h1"));
    }

    #[test]
    fn an_overlap_is_extended_within_the_policy_and_ended_for_good() {
        let mut token = token();
        assert_eq!(token.end_overlap(at(1)), Err(RotationFault::NotRunning));
        token.rotate(new(1), DAY, false, (at(0), None)).expect("rotated");
        token.extend_overlap(DAY, 2 * DAY, at(3)).expect("within two days");
        assert_eq!(old(&token).good_until(at(3)), Some(at(48)));
        let hour = Duration::from_secs(3_600);
        let refused = token.extend_overlap(hour, 2 * DAY, at(3));
        assert_eq!(refused, Err(RotationFault::TooLong { max: 2 * DAY, until: at(48) }));
        token.end_overlap(at(4)).expect("ended");
        assert_eq!((old(&token).over(at(1)), &old(&token).sealed), (Some(at(4)), &None));
        assert_eq!(token.extend_overlap(hour, 9 * DAY, at(4)), Err(RotationFault::NotRunning));
        assert_eq!(token.undo_rotation((at(4), None)), Err(RotationFault::NotRunning));
    }

    #[test]
    fn undone_the_old_text_is_as_it_was_and_the_new_one_is_over() {
        let (before, mut token) = (token(), token());
        token.rotate(new(1), DAY, false, (at(1), None)).expect("rotated");
        token.undo_rotation((at(2), None)).expect("undone");
        assert_eq!((&token.digest, &token.hint, &token.sealed), (&before.digest, &before.hint, &before.sealed));
        assert_eq!((token.secret_since(), token.number_of(Secret::Present)), (at(0), Some(0)));
        assert_eq!(
            (old(&token).hint.as_str(), old(&token).over(at(2)), &old(&token).sealed),
            ("h1", Some(at(2)), &None)
        );
        token.rotate(new(2), DAY, false, (at(3), None)).expect("rotated again");
        assert_eq!(token.number_of(Secret::Present), Some(2), "no number is given twice");
        let history = &token.rotation.as_ref().expect("rotated").history;
        let told: Vec<_> = history.iter().map(|turn| (turn.what.name(), turn.hint.as_str())).collect();
        assert_eq!(told, [("rotated", "h0"), ("undone", "h1"), ("rotated", "h0")]);
    }

    #[test]
    fn the_history_is_bounded() {
        let mut token = token();
        for number in 0..40 {
            token.rotate(new(number), Duration::ZERO, false, (at(number.into()), None)).expect("rotated");
        }
        let history = &token.rotation.as_ref().expect("rotated").history;
        assert_eq!((history.len(), history[0].at, history[15].at), (Rotation::HISTORY, at(24), at(39)));
    }
}

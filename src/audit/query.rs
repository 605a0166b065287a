//! Which entries are asked for.

use std::fmt;
use std::str::FromStr;

use super::line::Line;
use crate::model::{AccountId, Timestamp};

/// What entries must be like; `None`: anything.
pub struct Query {
    /// A name, or the part before the point with `.*` behind it.
    pub action: Option<String>,
    /// A token's or a user's id, or `system`.
    pub actor: Option<String>,
    /// An object's id.
    pub object: Option<String>,
    pub account: Option<AccountId>,
    /// `None`: all but announcements.
    pub outcome: Option<String>,
    pub since: Option<Timestamp>,
    /// Not this moment itself.
    pub until: Option<Timestamp>,
    /// Anywhere in it, in whatever case; in lower case here.
    pub text: Option<String>,
    /// Whether the asker may see entries of this account; `None` is what concerns all accounts.
    pub visible: Box<dyn Fn(Option<AccountId>) -> bool + Send + Sync>,
    /// Where the page before ended.
    pub after: Option<Place>,
    pub limit: usize,
}

/// Where a page ended: in this segment, before this byte (in memory: before this line). Its text is a
/// cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// Entries, newest first, and where to go on; `None` at the end.
#[derive(Debug, Default)]
pub struct Page {
    pub lines: Vec<Line>,
    pub next: Option<Place>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.segment, self.offset)
    }
}

impl FromStr for Place {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (segment, offset) = text.split_once('.').ok_or(())?;
        Ok(Self { segment: segment.parse().map_err(drop)?, offset: offset.parse().map_err(drop)? })
    }
}

impl Query {
    /// Every entry.
    pub fn all(limit: usize) -> Self {
        Self {
            action: None,
            actor: None,
            object: None,
            account: None,
            outcome: None,
            since: None,
            until: None,
            text: None,
            visible: Box::new(|_| true),
            after: None,
            limit,
        }
    }

    pub(super) fn has(&self, line: &Line) -> bool {
        self.has_outcome(line)
            && (self.visible)(line.account())
            && self.has_action(line)
            && self.has_actor(line)
            && self.object.as_ref().is_none_or(|id| line.object.as_ref().is_some_and(|object| object.id == *id))
            && self.account.is_none_or(|id| line.account() == Some(id))
            && self.since.is_none_or(|since| line.time >= since.to_string())
            && self.until.is_none_or(|until| line.time < until.to_string())
            && self.has_text(line)
    }

    /// Whether all entries before this one are too old.
    pub(super) fn is_past(&self, line: &Line) -> bool {
        // Clocks are set back now and then, and not by more than this.
        const SLACK: i64 = 86_400_000;
        self.since.is_some_and(|since| line.time < Timestamp::from_millis(since.millis() - SLACK).to_string())
    }

    fn has_outcome(&self, line: &Line) -> bool {
        match &self.outcome {
            None => !line.is_announcement(),
            Some(outcome) => line.outcome == *outcome,
        }
    }

    fn has_action(&self, line: &Line) -> bool {
        self.action.as_ref().is_none_or(|wanted| match wanted.strip_suffix('*') {
            Some(begin) => line.action.starts_with(begin),
            None => line.action == *wanted,
        })
    }

    fn has_actor(&self, line: &Line) -> bool {
        let actor = &line.actor;
        self.actor.as_ref().is_none_or(|wanted| {
            actor.kind == *wanted || actor.token.as_ref() == Some(wanted) || actor.user.as_ref() == Some(wanted)
        })
    }

    fn has_text(&self, line: &Line) -> bool {
        self.text.as_ref().is_none_or(|wanted| {
            let ids = [Some(&line.action), Some(&line.source), Some(&line.request_id), line.code.as_ref()];
            let actor = [line.actor.token.as_ref(), line.actor.user.as_ref(), line.actor.account.as_ref()];
            let object = line.object.as_ref().map(|object| &object.id);
            let mut texts = ids.into_iter().chain(actor).chain([object]).flatten();
            let mut fields = [&line.before, &line.after].into_iter().flatten().flatten();
            texts.any(|text| text.to_lowercase().contains(wanted))
                || fields.any(|(name, value)| format!("{name} {value}").to_lowercase().contains(wanted))
        })
    }
}

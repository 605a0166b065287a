//! Old segments are dropped as a whole, and the log says so: the entry names the last line that went and
//! its hash, which the first line that is left goes on from. So the chain stays provable.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::action::Action;
use super::change::Change;
use super::entry::{Entry, Object, ObjectKind};
use super::files::{Segment, sync_directory};
use super::line::Line;
use super::scan::Lines;
use crate::model::Timestamp;

/// The first segments, which are too old.
pub(super) struct Due {
    pub(super) count: usize,
    segments: Vec<Segment>,
    through: u64,
    hash: String,
}

/// What of the log is older than `retention`: segments that are ended, have nothing open in them, and whose
/// next one begins with a line that is too old, too.
pub(super) fn due(segments: &[Segment], oldest_open: u64, now: Timestamp, retention: Duration) -> Option<Due> {
    let age = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
    let cutoff = Timestamp::from_millis(now.millis().saturating_sub(age)).to_string();
    let mut due = None;
    for (count, next) in segments.iter().enumerate().skip(1) {
        if next.first > oldest_open {
            break;
        }
        let Some(first) = first_line(next).filter(|line| line.time < cutoff) else { break };
        due = Some((count, next.first - 1, first.previous().to_owned()));
    }
    let (count, through, hash) = due?;
    Some(Due { count, segments: segments[..count].to_vec(), through, hash })
}

fn first_line(segment: &Segment) -> Option<Line> {
    let found = Lines::of(segment).ok()?.next().ok()??;
    Line::read(&found.text)
}

impl Due {
    pub(super) fn entry(&self) -> Entry {
        let facts =
            [("through", self.through.into()), ("hash", self.hash.clone().into()), ("segments", self.count.into())];
        Entry::system(Action::AuditDrop, Object::whole(ObjectKind::Audit), Change::noted(facts))
    }

    /// What cannot be removed now is dropped again the next time.
    pub(super) fn remove(&self, directory: &Path) {
        for segment in &self.segments {
            if let Err(error) = fs::remove_file(&segment.path) {
                tracing::warn!(%error, "the old segment {} of the audit log cannot be removed", segment.path.display());
            }
        }
        if let Err(error) = sync_directory(directory) {
            tracing::warn!(%error, "the directory of the audit log cannot be synced");
        }
    }
}

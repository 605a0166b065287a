//! A log that ends with the process, for a store that does too: the last entries, and no file.

use std::collections::VecDeque;

use super::line::{ChainKey, Line, Link};
use super::query::{Page, Place, Query};

/// Entries that are kept; the oldest go first. About a kilobyte each.
const MOST: usize = 10_000;

pub(super) struct MemoryLog {
    key: ChainKey,
    last: Link,
    lines: VecDeque<Line>,
}

impl MemoryLog {
    pub(super) fn new(key: ChainKey) -> Self {
        Self { key, last: Link::START, lines: VecDeque::new() }
    }

    pub(super) fn last(&self) -> Link {
        self.last
    }

    pub(super) fn push(&mut self, line: Line) {
        (_, self.last) = line.seal(&self.key);
        if self.lines.len() == MOST {
            self.lines.pop_front();
        }
        self.lines.push_back(line);
    }

    /// Oldest first, as they would stand in a file.
    pub(super) fn text(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.seal(&self.key).0).collect()
    }

    /// Newest first.
    pub(super) fn list(&self, query: &Query) -> Page {
        let mut page = Page::default();
        let begin = query.after.map_or(u64::MAX, |place| place.offset);
        for line in self.lines.iter().rev().filter(|line| line.seq < begin) {
            if page.lines.len() == query.limit {
                page.next = page.lines.last().map(|line: &Line| Place { segment: 0, offset: line.seq });
                break;
            }
            if query.has(line) {
                page.lines.push(line.clone());
            }
        }
        page
    }
}

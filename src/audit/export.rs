//! All of the log as it lies on the disk, oldest first: what is exported can be verified as the log is.

use std::collections::VecDeque;
use std::fs::File;
use std::io::Read;

use super::error::Unreadable;
use super::files::Segment;

const CHUNK: u64 = 128 << 10;

/// What is left to hand out. It ends where the log ended when the export began.
pub struct AuditExport {
    segments: VecDeque<(Segment, u64)>,
    open: Option<(File, u64)>,
    /// Of a log in memory.
    text: Option<Vec<u8>>,
}

impl AuditExport {
    pub(super) fn of_text(text: Vec<u8>) -> Self {
        Self { segments: VecDeque::new(), open: None, text: Some(text) }
    }

    pub(super) fn of_segments(segments: Vec<Segment>, len: u64) -> Self {
        let last = segments.len().saturating_sub(1);
        let segments = segments.into_iter().enumerate();
        let segments = segments.map(|(index, segment)| (segment, if index == last { len } else { u64::MAX })).collect();
        Self { segments, open: None, text: None }
    }

    /// Some lines, or parts of lines; `None` at the end.
    pub async fn next(self) -> Result<(Self, Option<Vec<u8>>), Unreadable> {
        let read = tokio::task::spawn_blocking(move || {
            let mut export = self;
            export.read().map(|bytes| (export, bytes))
        });
        let read = read.await.map_err(|_| Unreadable("its reader panicked".to_owned()))?;
        read.map_err(|error| Unreadable(error.to_string()))
    }

    fn read(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        if let Some(text) = self.text.take() {
            return Ok(Some(text).filter(|text| !text.is_empty()));
        }
        loop {
            let (file, left) = match &mut self.open {
                Some(open) => open,
                none => match self.segments.pop_front() {
                    None => return Ok(None),
                    Some((segment, len)) => none.insert((File::open(&segment.path)?, len)),
                },
            };
            let mut bytes = Vec::new();
            let read = file.take(CHUNK.min(*left)).read_to_end(&mut bytes)?;
            *left -= read as u64;
            if read > 0 {
                return Ok(Some(bytes));
            }
            self.open = None;
        }
    }
}

//! Reading: one line after the other, each of which proves itself before it is handed out.

use std::io::{BufRead, Read};

use super::error::{ExchangeError, Flaw};
use super::form::Line;
use super::header::Header;
use crate::store::tally::Tally;
use crate::store::{Record, StoreKey, record, snapshot_head};

/// The longest line that is taken. The management API makes none of a tenth of it.
const MAX_LINE: usize = 1 << 20;

/// A record, and the line that it stands in.
#[derive(Debug)]
pub struct Entry {
    pub line: u64,
    pub record: Record,
}

/// A file that is being read.
pub struct ExchangeReader<R> {
    lines: Lines<R>,
    header: Header,
    tokens: u64,
    accounts: u64,
    proof: Option<(StoreKey, Tally)>,
    ended: bool,
}

struct Lines<R> {
    input: R,
    buffer: Vec<u8>,
    /// Of the last one that was read.
    number: u64,
}

impl<R: BufRead> ExchangeReader<R> {
    /// Reads the header. Whether the records are the store's own stays open, see [`Self::proven_by`].
    pub fn open(input: R) -> Result<Self, ExchangeError> {
        let mut lines = Lines { input, buffer: Vec::new(), number: 0 };
        let header = match lines.next() {
            Ok(Some(line)) => Header::read(line),
            Ok(None) => Err(Flaw::NoHeader),
            // Something that has no lines is no file of ours.
            Err(ExchangeError::Flawed { flaw: Flaw::TooLong { .. }, .. }) => Err(Flaw::NoHeader),
            // Where not even one line is whole, what there is of it says whether it was a header.
            Err(ExchangeError::Flawed { flaw, .. }) => Header::read(&lines.buffer).and(Err(flaw)),
            Err(error) => return Err(error),
        };
        let header = header.map_err(|flaw| ExchangeError::Flawed { line: 1, flaw })?;
        Ok(Self { lines, header, tokens: 0, accounts: 0, proof: None, ended: false })
    }

    /// Refuses a file of another pepper, and at its end one whose records are not all that the store
    /// held, and as it held them. The usage counts belong to no proof.
    pub fn proven_by(mut self, key: StoreKey) -> Result<Self, ExchangeError> {
        self.header.is_of(&key).map_err(|flaw| ExchangeError::Flawed { line: 1, flaw })?;
        self.proof = Some((key, Tally::default()));
        Ok(self)
    }

    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The next record; `None` once the end has come and everything adds up. Records that were read
    /// before an error are not to be used.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ExchangeError> {
        if self.ended {
            return Ok(None);
        }
        let line = match self.lines.next()? {
            Some(line) => Line::read(line),
            None => Err(Flaw::CutShort),
        };
        match line.map_err(|flaw| self.flawed(flaw))? {
            Line::Record(record) => {
                self.count(&record);
                Ok(Some(Entry { line: self.lines.number, record }))
            }
            Line::End(said) => {
                self.end(said)?;
                self.ended = true;
                Ok(None)
            }
        }
    }

    fn count(&mut self, record: &Record) {
        match record {
            Record::Account(_) => self.accounts += 1,
            // Counted by the proof alone.
            Record::User(_) | Record::Note(_) => {}
            Record::Token(..) => self.tokens += 1,
        }
        if let Some((key, tally)) = &mut self.proof {
            let (name, value) = record::entry(record);
            tally.add(key, &name, &value);
        }
    }

    fn end(&mut self, said: u64) -> Result<(), ExchangeError> {
        if said != self.lines.number {
            return Err(self.flawed(Flaw::Lines { said }));
        }
        let head = self.header.head;
        for (what, said, found) in [("tokens", head.tokens, self.tokens), ("accounts", head.accounts, self.accounts)] {
            if said != found {
                return Err(self.flawed(Flaw::Counts { what, said, found }));
            }
        }
        if let Some((key, tally)) = &self.proof
            && snapshot_head(key, head.store, head.revision, tally) != head
        {
            return Err(self.flawed(Flaw::Proof));
        }
        // Where lines are missing behind it, the answer of a gateway that broke off may show as an error
        // here, and as that alone.
        if self.lines.input.fill_buf()?.is_empty() {
            return Ok(());
        }
        Err(ExchangeError::Flawed { line: said + 1, flaw: Flaw::AfterEnd })
    }

    fn flawed(&self, flaw: Flaw) -> ExchangeError {
        ExchangeError::Flawed { line: self.lines.number, flaw }
    }
}

impl<R: BufRead> Lines<R> {
    /// The next line without its line feed; `None` at the end of the file.
    fn next(&mut self) -> Result<Option<&[u8]>, ExchangeError> {
        self.buffer.clear();
        let limit = u64::try_from(MAX_LINE + 1).unwrap_or(u64::MAX);
        self.input.by_ref().take(limit).read_until(b'\n', &mut self.buffer)?;
        self.number += 1;
        if self.buffer.is_empty() {
            return Ok(None);
        }
        if let Some(line) = self.buffer.strip_suffix(b"\n") {
            return Ok(Some(line));
        }
        let flaw = if self.buffer.len() > MAX_LINE { Flaw::TooLong { limit: MAX_LINE } } else { Flaw::CutShort };
        Err(ExchangeError::Flawed { line: self.number, flaw })
    }
}

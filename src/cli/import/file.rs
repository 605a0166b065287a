//! The lines of a file of keys: read one by one, so that what is wrong with one does not keep the others out.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use super::super::failure::Failure;
use super::super::terminal::Terminal;
use super::MOST_BYTES;

/// A line that could be a key.
#[derive(Debug)]
pub struct Line {
    pub number: u64,
    pub record: Value,
    /// What it takes in a request, at most.
    pub bytes: usize,
}

/// Why a line is not sent.
#[derive(Debug)]
pub enum Skipped {
    Empty,
    /// It is the key of this line.
    Twice(u64),
    Wrong(String),
}

/// The keys that were read so far, with their lines.
#[derive(Default)]
pub struct Seen(HashMap<(String, String), u64>);

/// All of the file, or of standard input.
pub(super) fn contents(path: &Path, terminal: &mut Terminal<'_>) -> Result<Vec<u8>, Failure> {
    let read = if path == Path::new("-") {
        let mut contents = Vec::new();
        terminal.input.read_to_end(&mut contents).map(|_| contents)
    } else {
        fs::read(path)
    };
    let contents = read.map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
    // Some programs begin a file with it; it is no part of the first line.
    Ok(contents.strip_prefix("\u{feff}".as_bytes()).map(<[u8]>::to_vec).unwrap_or(contents))
}

/// One line, with the account where it names none.
pub fn line(number: u64, text: &[u8], account: Option<&str>, seen: &mut Seen) -> Result<Line, Skipped> {
    let wrong = |why: String| Err(Skipped::Wrong(why));
    let Ok(text) = str::from_utf8(text) else { return wrong("it is not UTF-8".to_owned()) };
    if text.trim().is_empty() {
        return Err(Skipped::Empty);
    }
    let mut record: Value = match serde_json::from_str(text) {
        Ok(record) => record,
        // What the line holds is not repeated: it may be a key itself.
        Err(error) => return wrong(format!("it is not JSON, from column {} on", error.column())),
    };
    if !record.is_object() {
        return wrong("it is no JSON object".to_owned());
    }
    let bytes = record.to_string().len() + account.map_or(0, str::len) + 16;
    if bytes > MOST_BYTES {
        return wrong(format!("it has {} bytes, and no key needs so many", text.len()));
    }
    if let Some(first) = seen.insert(&record, number) {
        return Err(Skipped::Twice(first));
    }
    if let Some(account) = account.filter(|_| record.get("account").is_none()) {
        record["account"] = account.into();
    }
    Ok(Line { number, record, bytes })
}

impl Seen {
    /// The line that has the same key. A hash that is written in another way is told by the server.
    fn insert(&mut self, record: &Value, number: u64) -> Option<u64> {
        let hash = record["hash"].as_str()?;
        let encoding = record["encoding"].as_str().unwrap_or("hex");
        let hash = if encoding == "hex" { hash.to_ascii_lowercase() } else { hash.to_owned() };
        let form = format!("{} {encoding}", record["algorithm"].as_str().unwrap_or_default());
        match self.0.entry((form, hash)) {
            std::collections::hash_map::Entry::Occupied(first) => Some(*first.get()),
            std::collections::hash_map::Entry::Vacant(free) => {
                free.insert(number);
                None
            }
        }
    }
}

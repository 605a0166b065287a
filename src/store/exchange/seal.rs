//! The check at the end of each line: over the bytes before it, just as they stand.
//!
//! So there is no other spelling of a line that is as good: whatever changed in it is noticed, also a
//! space or the order of two fields.

use crate::store::hex;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::error::Flaw;

/// `,"check":"` and sixteen digits and `"}`
const BEFORE: &str = ",\"check\":\"";
const AFTER: &str = "\"}";
const DIGITS: usize = 16;
const LENGTH: usize = BEFORE.len() + DIGITS + AFTER.len();

/// `object` as a line: with its check as the last field, and a line feed.
pub(super) fn seal(object: &impl Serialize, into: &mut Vec<u8>) {
    let start = into.len();
    serde_json::to_writer(&mut *into, object).expect("texts and numbers always have a JSON form");
    let brace = into.pop();
    debug_assert_eq!(brace, Some(b'}'), "a line is an object");
    let check = check(&into[start..]);
    for part in [BEFORE, &check, AFTER, "\n"] {
        into.extend_from_slice(part.as_bytes());
    }
}

/// What was sealed; `line` is without its line feed.
pub(super) fn unseal<T: DeserializeOwned>(line: &[u8]) -> Result<T, Flaw> {
    let text = utf8(line)?;
    if !is_sealed(line) {
        // Where the syntax is broken, the place helps more than that the check is wrong too.
        return match serde_json::from_str::<IgnoredAny>(text) {
            Err(error) => Err(Flaw::NotJson { column: error.column() }),
            Ok(_) => Err(Flaw::Check),
        };
    }
    let (contents, _) = text.split_at(text.len() - LENGTH);
    // The brace is put back, as the check is no field of the object.
    serde_json::from_str(&format!("{contents}}}")).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => Flaw::Form(without_place(&error)),
        _ => Flaw::NotJson { column: error.column() },
    })
}

pub(super) fn utf8(line: &[u8]) -> Result<&str, Flaw> {
    std::str::from_utf8(line).map_err(|error| Flaw::NotUtf8 { column: error.valid_up_to() + 1 })
}

fn is_sealed(line: &[u8]) -> bool {
    let Some(at) = line.len().checked_sub(LENGTH) else { return false };
    let (contents, seal) = line.split_at(at);
    let digits = seal.strip_prefix(BEFORE.as_bytes()).and_then(|rest| rest.strip_suffix(AFTER.as_bytes()));
    digits == Some(check(contents).as_bytes())
}

fn check(contents: &[u8]) -> String {
    hex::encode(&blake3::hash(contents).as_bytes()[..DIGITS / 2])
}

/// serde_json ends its messages with a place that counts lines from the start of this one.
fn without_place(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn no_other_bytes_are_as_good() {
        let mut line = Vec::new();
        seal(&BTreeMap::from([("name", "é \" \u{0}")]), &mut line);
        assert_eq!(line.pop(), Some(b'\n'));
        let read = |line: &[u8]| unseal::<BTreeMap<String, String>>(line);
        assert_eq!(read(&line).expect("it is whole")["name"], "é \" \u{0}");
        for at in 0..line.len() {
            assert!(read(&line[..at]).is_err(), "cut at {at}");
            for bit in 0..8 {
                let mut other = line.clone();
                other[at] ^= 1 << bit;
                assert!(read(&other).is_err(), "bit {bit} of byte {at}: {}", String::from_utf8_lossy(&other));
            }
        }
    }

    #[test]
    fn each_flaw_has_its_name() {
        let read = |line: &[u8]| unseal::<BTreeMap<String, u8>>(line).expect_err("it is flawed");
        assert_eq!(read(b"{\"a\":1}"), Flaw::Check);
        assert_eq!(read(b"{\"a\":}"), Flaw::NotJson { column: 6 });
        assert_eq!(read(b"{\"a\":\"\xff\"}"), Flaw::NotUtf8 { column: 7 });
        let mut line = Vec::new();
        seal(&BTreeMap::from([("a", "text")]), &mut line);
        let error = read(&line[..line.len() - 1]);
        assert_eq!(error, Flaw::Form("invalid type: string \"text\", expected u8".to_owned()));
    }
}

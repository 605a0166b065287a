//! Files that somebody wrote: the configuration, a copy of a store, and keys to import.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use keygate::cli::import::file::{Line, Seen, Skipped, line};
use keygate::config;
use keygate::model::{Encoding, ForeignHash, Revision, Timestamp};
use keygate::store::{
    ExchangeError, ExchangeReader, Export, Record, Snapshot, SnapshotHead, StoreError, StoreFuture, StoreKey, proof_of,
};
use serde_json::Value;

/// A configuration is settings without a problem, or a report that says where.
pub fn configuration(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let path = Path::new("/nowhere/keygate.toml");
    if let Err(problems) = config::read(text, path, &BTreeMap::new()) {
        let report = problems.to_string();
        assert!(report.contains("keygate.toml"), "the report does not say which file: {report}");
    }
}

/// A file is read to its end, or refused with the line that is at fault: as it is, and with the right check at the
/// end of each line. The records that were read are written again, and read as the same.
pub fn exchange(bytes: &[u8]) {
    entries(bytes);
    let sealed = sealed(bytes);
    let records = entries(&sealed);
    let Ok(store) = ExchangeReader::open(&sealed[..]).map(|reader| reader.header().head.store) else { return };
    let key = StoreKey::new(&[1; 32]);
    let text = written(&records, proof_of(&key, store, Revision(7), records.iter()), &key);
    let mut reader = ExchangeReader::open(&text[..]).and_then(|reader| reader.proven_by(key)).expect("our own file");
    let mut again = Vec::new();
    while let Some(entry) = reader.next_entry().expect("what was written can be read") {
        again.push(entry.record);
    }
    assert_eq!(again, records, "what was read and what is written of it differ");
}

/// What was read until the end, or until something was wrong.
fn entries(bytes: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut reader = match ExchangeReader::open(bytes) {
        Ok(reader) => reader,
        Err(ExchangeError::Flawed { line, flaw }) => {
            assert_eq!(line, 1, "{flaw}");
            return records;
        }
        Err(error) => panic!("{error}"),
    };
    let most = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64 + 1;
    let mut last = 1;
    loop {
        match reader.next_entry() {
            Ok(None) => return records,
            Ok(Some(entry)) => {
                assert!(last < entry.line && entry.line <= most, "line {} behind {last}", entry.line);
                last = entry.line;
                records.push(entry.record);
            }
            Err(ExchangeError::Flawed { line, flaw }) => {
                assert!(last <= line && line <= most + 1, "line {line} of {most}");
                assert!(!flaw.to_string().is_empty());
                return records;
            }
            Err(error) => panic!("{error}"),
        }
    }
}

/// The lines that are objects, each with the check that belongs to it: no fuzzer guesses one.
fn sealed(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in bytes.split_inclusive(|&byte| byte == b'\n') {
        let (line, end) = line.strip_suffix(b"\n").map_or((line, &b""[..]), |line| (line, b"\n"));
        let Some(contents) = line.strip_suffix(b"}") else {
            out.extend([line, end].concat());
            continue;
        };
        let mark = b",\"check\":\"";
        let before = contents.windows(mark.len()).rposition(|window| window == mark);
        let contents = &contents[..before.unwrap_or(contents.len())];
        let check = blake3::hash(contents).to_hex();
        out.extend([contents, mark, &check.as_bytes()[..16], b"\"}", end].concat());
    }
    out
}

fn written(records: &[Record], head: SnapshotHead, key: &StoreKey) -> Vec<u8> {
    let copy = Box::new(Fixed(head, records.iter().cloned().collect()));
    let mut export = Export::of(copy, key.clone(), Timestamp::from_millis(0));
    let mut text = Vec::new();
    loop {
        let next = pin!(export.next()).poll(&mut Context::from_waker(Waker::noop()));
        match next.map(|more| more.expect("it adds up")) {
            Poll::Ready(Some(more)) => text.extend(more),
            Poll::Ready(None) => return text,
            Poll::Pending => panic!("records that are there are waited for"),
        }
    }
}

/// Hands out its records one by one.
struct Fixed(SnapshotHead, VecDeque<Record>);

impl Snapshot for Fixed {
    fn head(&self) -> &SnapshotHead {
        &self.0
    }

    fn next(&mut self) -> StoreFuture<'_, Result<Vec<Record>, StoreError>> {
        let next = self.1.pop_front().into_iter().collect();
        Box::pin(std::future::ready(Ok(next)))
    }
}

/// Lines of keys to import. What is taken of a line is what it says, and no more than one line is taken of a key; a
/// line that is left out is so for a reason, which repeats nothing of it.
pub fn import(bytes: &[u8]) {
    let mut seen = Seen::default();
    let mut hashes = HashMap::new();
    for (number, text) in (1u64..).zip(bytes.split(|&byte| byte == b'\n')) {
        let record = serde_json::from_slice::<Value>(text).ok();
        hashes.insert(number, record.as_ref().and_then(key_of));
        match line(number, text, Some("acc_of_all"), &mut seen) {
            Ok(taken) => check_taken(number, record.expect("a line that is taken is JSON"), taken),
            Err(Skipped::Empty) => assert!(text.trim_ascii().len() <= text.len() && record.is_none()),
            Err(Skipped::Twice(first)) => {
                assert!(first < number, "line {number} is said to repeat line {first}");
                if let (Some(one), Some(other)) = (&hashes[&first], &hashes[&number]) {
                    assert_eq!(one, other, "lines {first} and {number} are of two keys, and one of them is left out");
                }
            }
            Err(Skipped::Wrong(why)) => {
                assert!(!why.is_empty());
                let text = String::from_utf8_lossy(text);
                let mut words = text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 12);
                assert!(words.all(|word| !why.contains(word)), "{why:?} repeats what the line holds");
            }
        }
    }
}

fn check_taken(number: u64, record: Value, taken: Line) {
    assert_eq!(taken.number, number);
    assert!(taken.record.to_string().len() <= taken.bytes, "it takes more than is reckoned with");
    let mut expected = record;
    if expected.get("account").is_none() {
        expected["account"] = "acc_of_all".into();
    }
    assert_eq!(taken.record, expected, "something else is sent than the line says");
    let again = line(number, taken.record.to_string().as_bytes(), None, &mut Seen::default());
    assert!(
        again.is_ok_and(|again| key_of(&again.record) == key_of(&taken.record)),
        "written again, it is another key"
    );
}

/// As the management API reads it.
fn key_of(record: &Value) -> Option<(&'static str, Box<[u8]>)> {
    let hash = ForeignHash::from_name(record["algorithm"].as_str()?)?;
    let encoding = match &record["encoding"] {
        Value::Null => Encoding::default(),
        name => Encoding::from_name(name.as_str()?)?,
    };
    let bytes = hash.parse(record["hash"].as_str()?, encoding).ok()?;
    assert_eq!(bytes.len(), hash.size());
    let hex: String = bytes.iter().map(|byte| format!("{byte:02X}")).collect();
    assert_eq!(hash.parse(&hex, Encoding::Hex).as_ref(), Ok(&bytes), "a hash has two readings");
    Some((hash.name(), bytes))
}

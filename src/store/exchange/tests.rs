//! What is written is read again, and nothing else is.

use std::collections::VecDeque;
use std::io::{BufReader, Cursor};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::model::{
    Account, AccountId, Digest, Made, MadeObject, Note, NoteId, Noted, Revision, Timestamp, Token, TokenId, Usage,
    UserId,
};
use crate::store::record::tests::{account, token, user};
use crate::store::{
    MemoryStore, Record, Snapshot, SnapshotHead, Store, StoreError, StoreFuture, StoreId, StoreKey, proof_of,
};

/// Hands out its records one by one, whatever its head says.
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

fn key() -> StoreKey {
    StoreKey::new(&[1; 32])
}

fn written(records: &[Record]) -> Vec<u8> {
    let head = proof_of(&key(), StoreId([5; 16]), Revision(7), records.iter());
    export(Fixed(head, records.iter().cloned().collect())).expect("it adds up")
}

fn export(snapshot: Fixed) -> Result<Vec<u8>, StoreError> {
    let mut export = Export::of(Box::new(snapshot), key(), Timestamp::from_millis(1_795_392_000_123));
    let mut text = Vec::new();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async {
        while let Some(more) = export.next().await? {
            assert!(more.ends_with(b"\n"), "lines come whole");
            text.extend(more);
        }
        Ok(text)
    })
}

/// All records of a file, read with a buffer that holds no line.
fn read(text: &[u8]) -> Result<(Header, Vec<Record>), ExchangeError> {
    let input = BufReader::with_capacity(3, Cursor::new(text));
    let mut reader = ExchangeReader::open(input)?.proven_by(key())?;
    let mut records = Vec::new();
    while let Some(entry) = reader.next_entry()? {
        assert_eq!(entry.line, 2 + records.len() as u64);
        records.push(entry.record);
    }
    assert!(reader.next_entry()?.is_none(), "the end stays the end");
    Ok((reader.header().clone(), records))
}

/// The line and what is wrong with it.
fn flaw(text: &[u8]) -> (u64, Flaw) {
    match read(text).expect_err("it is flawed") {
        ExchangeError::Flawed { line, flaw } => (line, flaw),
        ExchangeError::Unreadable(error) => panic!("{error}"),
    }
}

fn record() -> impl Strategy<Value = Record> {
    let usage = (any::<u64>(), prop::option::of(any::<i64>().prop_map(Timestamp::from_millis)))
        .prop_map(|(requests, last_used)| Usage::new(requests, last_used));
    prop_oneof![
        account().prop_map(Record::Account),
        user().prop_map(Record::User),
        note().prop_map(Record::Note),
        (token(), usage).prop_map(|(token, usage)| Record::Token(token, usage))
    ]
}

fn note() -> impl Strategy<Value = Note> {
    let id = any::<[u8; 16]>();
    let object = (any::<[u8; 16]>(), any::<[u8; 16]>(), 0..4).prop_map(|(one, other, kind)| match kind {
        0 => MadeObject::Token(TokenId::from_bytes(one)),
        1 => MadeObject::Account(AccountId::from_bytes(one)),
        2 => MadeObject::User(UserId::from_bytes(one)),
        _ => MadeObject::Member(AccountId::from_bytes(one), UserId::from_bytes(other)),
    });
    let made = (id, any::<[u8; 32]>(), object, prop::option::of(any::<Vec<u8>>()), any::<i64>());
    let made = made.prop_map(|(by, request, object, sealed, until)| {
        let (by, request) = (TokenId::from_bytes(by), Digest::from_bytes(request));
        let until = Timestamp::from_millis(until);
        Noted::Made(Made { by, request, object, sealed: sealed.map(Vec::into_boxed_slice), until })
    });
    let what = prop_oneof![Just(Noted::ImportDeleted), made];
    (any::<[u8; 16]>(), any::<i64>(), what, any::<u64>()).prop_map(|(id, made, what, revision)| Note {
        id: NoteId::from_bytes(id),
        made: Timestamp::from_millis(made),
        what,
        revision: Revision(revision),
    })
}

/// Three records as the lines of a file: the header, an account, two tokens and the end.
fn sample() -> Vec<String> {
    let home = Account {
        id: AccountId::from_bytes([1; 16]),
        parent: None,
        name: "home".to_owned(),
        state: crate::model::AccountState::Active,
        visible_to_parent: true,
        ceiling: None,
        plan: None,
        policy: None,
        labels: Default::default(),
        created: Timestamp::from_millis(0),
        revision: Revision(1),
    };
    let token = |number: u8| {
        let token = Token {
            id: crate::model::TokenId::from_bytes([number; 16]),
            account: home.id,
            kind: crate::model::Kind::Service,
            name: "name".to_owned(),
            description: String::new(),
            grants: Default::default(),
            roles: Vec::new(),
            user: None,
            filters: Default::default(),
            sealed: None,
            labels: Default::default(),
            state: crate::model::State::Active,
            not_before: None,
            expires: None,
            rate_limit: None,
            created: Timestamp::from_millis(0),
            created_by: None,
            hint: "abcd".to_owned(),
            digest: crate::model::Digest::from_bytes([number; 32]),
            rotation: None,
            revision: Revision(2),
        };
        Record::Token(token, Usage::new(3, None))
    };
    let text = written(&[Record::Account(home.clone()), token(2), token(3)]);
    String::from_utf8(text).expect("UTF-8").lines().map(str::to_owned).collect()
}

fn file(lines: &[String]) -> Vec<u8> {
    lines.iter().flat_map(|line| format!("{line}\n").into_bytes()).collect()
}

/// The line with another content and the check that goes with it.
fn resealed(line: &str, from: &str, to: &str) -> String {
    let changed = line.replacen(from, to, 1);
    assert_ne!(changed, line, "there is {from} in {line}");
    let (contents, _) = changed.rsplit_once(",\"check\":").expect("a check");
    let check = blake3::hash(contents.as_bytes()).to_hex();
    format!("{contents},\"check\":\"{}\"}}", &check[..16])
}

#[test]
fn a_file_looks_like_this() {
    let lines = sample();
    assert_eq!(lines.len(), 5);
    assert!(lines[0].starts_with(r#"{"keygate_store":1,"schema":2,"hash":"blake3-keyed","pepper":""#), "{}", lines[0]);
    assert!(lines[0].contains(r#""revision":7,"tokens":2,"accounts":1,"proof":""#), "{}", lines[0]);
    assert!(lines[0].contains(r#""created":"2026-11-23T00:00:00.123Z","keygate":""#), "{}", lines[0]);
    assert!(lines[1].starts_with(r#"{"account":{"id":"acc_"#), "{}", lines[1]);
    assert!(lines[2].contains(r#""usage":{"requests":3,"last_used":null},"check":""#), "{}", lines[2]);
    assert!(lines[4].starts_with(r#"{"end":{"lines":5},"check":""#), "{}", lines[4]);
}

#[test]
fn what_is_not_a_whole_file_of_ours_is_told_by_its_line() {
    let lines = sample();
    let with = |number: usize, line: String| {
        let mut lines = lines.clone();
        lines[number - 1] = line;
        flaw(&file(&lines))
    };
    let header = |from: &str, to: &str| with(1, resealed(&lines[0], from, to));
    assert_eq!(header("\":1,", "\":2,"), (1, Flaw::OtherFormat { found: 2, known: 1 }));
    assert_eq!(header("schema\":2", "schema\":9"), (1, Flaw::LaterSchema { found: 9, known: 2 }));
    let foreign = Flaw::ForeignHash { found: "argon2".to_owned(), known: "blake3-keyed" };
    assert_eq!(header("blake3-keyed", "argon2"), (1, foreign.clone()));
    assert_eq!(with(1, lines[0].replace("blake3-keyed", "argon2")), (1, foreign), "whatever its check says");
    assert_eq!(header("tokens\":2", "tokens\":3"), (5, Flaw::Counts { what: "tokens", said: 3, found: 2 }));
    assert_eq!(header("revision\":7", "revision\":8"), (5, Flaw::Proof));
    assert_eq!(with(1, lines[0].replace("revision", "revison")), (1, Flaw::Check));
    assert_eq!(with(1, "hello".to_owned()), (1, Flaw::NoHeader));
    assert_eq!(flaw(b""), (1, Flaw::NoHeader));
    assert_eq!(flaw(&[0x1f; 3 << 20]), (1, Flaw::NoHeader), "no line, however long");

    assert_eq!(with(3, lines[2].replace("name", "nome")), (3, Flaw::Check));
    assert_eq!(with(3, lines[2].replace("requests\":3", "requests\":4")), (3, Flaw::Check), "the usage too");
    assert_eq!(with(3, lines[2].replacen("\"token\":{", "\"token\":[", 1)), (3, Flaw::NotJson { column: 15 }));
    let long = format!("{{\"token\":\"{}\"}}", "x".repeat(2 << 20));
    assert_eq!(with(3, long), (3, Flaw::TooLong { limit: 1 << 20 }));
    let (line, unknown) = with(3, resealed(&lines[2], "\"hint\"", "\"ceiling\""));
    assert!((line, unknown.to_string()).1.starts_with("unknown field `ceiling`"), "{line}: {unknown}");
    let (_, unknown) = with(2, resealed(&lines[1], "\"account\"", "\"policy\""));
    assert!(unknown.to_string().starts_with("unknown field `policy`"), "{unknown}");
    let (_, bits) = with(3, resealed(&lines[2], "\"grants\":{}", "\"grants\":{\"a\":\"all\"}"));
    assert!(bits.to_string().starts_with("`grants`: `all` is no access"), "{bits}");
    assert_eq!(with(3, resealed(&lines[2], "abcd", "abce")), (5, Flaw::Proof), "a forged line has a right check");

    let mut more = file(&lines);
    more.extend(b"\n");
    assert_eq!(flaw(&more), (6, Flaw::AfterEnd));
    let mut fewer = lines.clone();
    fewer.remove(2);
    assert_eq!(flaw(&file(&fewer)), (4, Flaw::Lines { said: 5 }));
    assert_eq!(flaw(&file(&lines[..4])), (5, Flaw::CutShort));
    let mut bytes = file(&lines);
    bytes[file(&lines[..2]).len() + 20] = 0xff;
    assert_eq!(flaw(&bytes), (3, Flaw::NotUtf8 { column: 21 }));
}

#[test]
fn another_pepper_is_told_before_anything_is_read() {
    let text = file(&sample());
    let reader = ExchangeReader::open(&text[..]).expect("its header is fine");
    let Err(ExchangeError::Flawed { line: 1, flaw: Flaw::OtherPepper }) =
        reader.proven_by(StoreKey::new(&[2; 32])).map(|_| ())
    else {
        panic!("it was taken")
    };
}

#[test]
fn no_file_that_was_cut_short_anywhere_is_taken() {
    let text = file(&sample());
    (0..text.len()).for_each(|length| assert!(read(&text[..length]).is_err(), "{length} bytes"));
}

#[test]
fn a_copy_that_lost_a_record_has_no_end() {
    let (_, records) = read(&file(&sample())).expect("whole");
    let head = proof_of(&key(), StoreId([5; 16]), Revision(7), records.iter());
    let error = export(Fixed(head, records[1..].iter().cloned().collect())).expect_err("a record is missing");
    assert!(error.to_string().contains("not what was acknowledged up to change 7"), "{error}");
}

#[tokio::test]
async fn a_store_without_records_is_a_file_as_well() {
    let backups = Backups::new(Arc::new(MemoryStore::new(key())) as Arc<dyn Store>, key());
    let mut export = backups.begin(Timestamp::from_millis(0)).await.expect("it copies");
    let mut text = Vec::new();
    while let Some(more) = export.next().await.expect("it adds up") {
        text.extend(more);
    }
    assert_eq!(text.iter().filter(|byte| **byte == b'\n').count(), 2);
    assert_eq!(read(&text).expect("whole").1, []);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(records in prop::collection::vec(record(), 0..6)) {
        let text = written(&records);
        let (header, found) = read(&text).expect("it is whole");
        prop_assert_eq!(found, records);
        prop_assert_eq!(header.created, Timestamp::from_millis(1_795_392_000_123));
    }

    #[test]
    fn a_changed_byte_is_noticed(at: prop::sample::Index, bit in 0u8..8) {
        let mut text = file(&sample());
        let at = at.index(text.len());
        text[at] ^= 1 << bit;
        prop_assert!(read(&text).is_err());
    }
}

//! A whole log, and what somebody with its files could do to it: a thousand times, each found, and named.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use keygate::audit::{
    Action, Audit, AuditOptions, ChainKey, Change, Entry, Fault, Object, ObjectKind, VerifyError, anchor_beside, verify,
};
use keygate::model::Clock;
use tempfile::TempDir;

const MANIPULATIONS: u64 = 1_000;
const ENTRIES: usize = 60;

/// What is done to the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Manipulation {
    FlipBit,
    EditWord,
    /// With a hash that somebody without the pepper makes.
    EditAndHash,
    RemoveLine,
    RemoveBlock,
    CutEnd,
    CutMiddle,
    SwapLines,
    MoveLine,
    RepeatLine,
    InsertText,
    /// Of a chain with another key.
    InsertForged,
    AppendPart,
    RemoveSegment,
    SwapSegments,
    RenameSegment,
    OlderCopy,
    RemoveAnchor,
    BreakAnchor,
    RemoveAll,
}

use Manipulation::*;

const ALL: [Manipulation; 20] = [
    FlipBit,
    EditWord,
    EditAndHash,
    RemoveLine,
    RemoveBlock,
    CutEnd,
    CutMiddle,
    SwapLines,
    MoveLine,
    RepeatLine,
    InsertText,
    InsertForged,
    AppendPart,
    RemoveSegment,
    SwapSegments,
    RenameSegment,
    OlderCopy,
    RemoveAnchor,
    BreakAnchor,
    RemoveAll,
];

impl Manipulation {
    /// What it may be called: what was done to the last lines looks like a cut, and so on.
    fn names(self) -> &'static [Fault] {
        match self {
            FlipBit | EditWord | EditAndHash => &[Fault::Edited, Fault::Truncated],
            RemoveLine | RemoveBlock | RemoveSegment => &[Fault::Removed, Fault::Truncated],
            CutEnd | OlderCopy => &[Fault::Truncated],
            CutMiddle => &[Fault::Removed, Fault::Edited],
            SwapLines | MoveLine | SwapSegments => &[Fault::Reordered],
            RepeatLine => &[Fault::Repeated, Fault::Reordered],
            InsertText | InsertForged => &[Fault::Inserted],
            AppendPart => &[Fault::Unfinished, Fault::Inserted],
            RenameSegment => &[Fault::Renamed, Fault::Removed, Fault::Reordered],
            RemoveAnchor | BreakAnchor => &[Fault::Unanchored],
            RemoveAll => &[Fault::Gone],
        }
    }
}

/// The files of a log, by name.
type Files = BTreeMap<String, Vec<u8>>;

struct Specimen {
    whole: Files,
    /// As it was halfway.
    older: Files,
    forged: Vec<u8>,
    anchor: Vec<u8>,
    rng: Rng,
}

fn key() -> ChainKey {
    ChainKey::new(&[3; 32])
}

fn options(directory: &Path, key: ChainKey) -> AuditOptions {
    let directory = directory.join("log");
    AuditOptions { anchor: anchor_beside(&directory), directory, key, segment_size: 6_000, retention: None }
}

/// Entries like those of a gateway, and what they leave on the disk.
fn write(place: &Path, key: ChainKey, numbers: std::ops::Range<usize>) -> Files {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let audit = Audit::open(options(place, key), Clock::system()).expect("it opens");
    runtime.block_on(async {
        for number in numbers {
            let object = Object::of_id(ObjectKind::Token, format_args!("tok_{number}"));
            let facts = Change::noted([("name", format!("token {number}").into())]);
            let entry = Entry::system(Action::TokenEdit, object, facts);
            let intent = audit.begin(entry.clone()).await.expect("announced");
            audit.settle(Some(intent), vec![entry]).await.expect("written");
        }
    });
    audit.close();
    files(&place.join("log"))
}

fn files(directory: &Path) -> Files {
    let entries = fs::read_dir(directory).expect("a directory").map(|entry| entry.expect("an entry"));
    let segments = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".jsonl"));
    segments.map(|entry| (name(&entry.path()), fs::read(entry.path()).expect("readable"))).collect()
}

fn name(path: &Path) -> String {
    path.file_name().expect("a name").to_string_lossy().into_owned()
}

impl Specimen {
    fn new() -> Self {
        let (place, other) = (TempDir::new().expect("a directory"), TempDir::new().expect("a directory"));
        let older = write(place.path(), key(), 0..ENTRIES / 2);
        let whole = write(place.path(), key(), ENTRIES / 2..ENTRIES);
        let anchor = fs::read(place.path().join("log.anchor")).expect("an anchor");
        let stranger = write(other.path(), ChainKey::new(&[9; 32]), 0..1);
        let forged = stranger.into_values().next().expect("a segment");
        let forged = forged.split_inclusive(|&byte| byte == b'\n').next().expect("a line").to_vec();
        assert!(whole.len() > 4, "{:?}", whole.keys());
        Self { whole, older, forged, anchor, rng: Rng::new() }
    }

    fn any(&mut self) -> String {
        let at = self.rng.usize(..self.whole.len());
        self.whole.keys().nth(at).expect("a name").clone()
    }

    fn last(&self) -> String {
        self.whole.keys().last().expect("a name").clone()
    }

    /// All lines in order, each with the file that it is in.
    fn lines(&self) -> Vec<(String, Vec<u8>)> {
        let of = |(name, bytes): (&String, &Vec<u8>)| {
            let lines = bytes.split_inclusive(|&byte| byte == b'\n');
            lines.map(|line| (name.clone(), line.to_vec())).collect::<Vec<_>>()
        };
        self.whole.iter().flat_map(of).collect()
    }

    /// The files with other lines in them: a file that is left without one stays, and is empty.
    fn with(&self, lines: Vec<(String, Vec<u8>)>) -> Files {
        let mut files: Files = self.whole.keys().map(|name| (name.clone(), Vec::new())).collect();
        for (name, line) in lines {
            files.get_mut(&name).expect("a file").extend(line);
        }
        files
    }

    /// The manipulated files, and the anchor beside them.
    fn manipulated(&mut self, how: Manipulation) -> (Files, Option<Vec<u8>>) {
        let (mut files, mut lines, mut anchor) = (self.whole.clone(), self.lines(), Some(self.anchor.clone()));
        let (one, other) = (self.rng.usize(..lines.len()), self.rng.usize(..lines.len() - 1));
        let other = if other >= one { other + 1 } else { other };
        match how {
            FlipBit => {
                let name = self.any();
                let bytes = files.get_mut(&name).expect("a file");
                let at = self.rng.usize(..bytes.len());
                bytes[at] ^= 1 << self.rng.usize(..8);
            }
            EditWord | EditAndHash => {
                let line = String::from_utf8(lines[one].1.clone()).expect("text");
                let mut line = line.replacen("system", "sisyem", 1);
                if how == EditAndHash {
                    let (covered, _) = line.split_once(",\"hash\":").expect("a hash");
                    line = format!("{covered},\"hash\":\"{}\"}}\n", hash(covered.as_bytes()));
                }
                lines[one].1 = line.into_bytes();
                files = self.with(lines);
            }
            RemoveLine => {
                lines.remove(one);
                files = self.with(lines);
            }
            RemoveBlock => {
                let end = (one + self.rng.usize(2..12)).min(lines.len());
                lines.drain(one..end);
                files = self.with(lines);
            }
            CutEnd | CutMiddle => {
                let name = if how == CutEnd { self.last() } else { self.any() };
                let name = if how == CutMiddle && name == self.last() {
                    files.keys().next().expect("a name").clone()
                } else {
                    name
                };
                let bytes = files.get_mut(&name).expect("a file");
                bytes.truncate(self.rng.usize(..bytes.len()));
            }
            SwapLines => {
                let (a, b) = (lines[one].1.clone(), lines[other].1.clone());
                (lines[one].1, lines[other].1) = (b, a);
                files = self.with(lines);
            }
            MoveLine => {
                let name = lines[other].0.clone();
                let (_, line) = lines.remove(one);
                lines.insert(other, (name, line));
                files = self.with(lines);
            }
            RepeatLine => {
                let (name, line) = (lines[other].0.clone(), lines[one].1.clone());
                lines.insert(other, (name, line));
                files = self.with(lines);
            }
            InsertText | InsertForged => {
                let text = if how == InsertText {
                    b"{\"seq\":7,\"action\":\"token.delete\"}\n".to_vec()
                } else {
                    self.forged.clone()
                };
                lines.insert(one, (lines[one].0.clone(), text));
                files = self.with(lines);
            }
            AppendPart => {
                let part = lines[one].1[..self.rng.usize(1..lines[one].1.len())].to_vec();
                let name = self.any();
                files.get_mut(&name).expect("a file").extend(part);
            }
            RemoveSegment => drop(files.remove(&self.any())),
            SwapSegments => {
                let (a, b) = (self.any(), self.last());
                let (a, b) = if a == b { (files.keys().next().expect("a name").clone(), b) } else { (a, b) };
                let (first, second) = (files[&a].clone(), files[&b].clone());
                files.extend([(a, second), (b, first)]);
            }
            RenameSegment => {
                let name = self.any();
                let bytes = files.remove(&name).expect("a file");
                let number: u64 = name["audit-".len().."audit-".len() + 20].parse().expect("a number");
                files.insert(format!("audit-{:020}.jsonl", number + self.rng.u64(1..3)), bytes);
            }
            OlderCopy => files = self.older.clone(),
            RemoveAnchor => anchor = None,
            BreakAnchor => {
                let bytes = anchor.as_mut().expect("an anchor");
                bytes[self.rng.usize(..80)] ^= 1;
                bytes[4_096 + self.rng.usize(..80)] ^= 1;
            }
            RemoveAll => files.clear(),
        }
        (files, anchor)
    }
}

/// Of the right form, and all that somebody without the pepper can give.
fn hash(bytes: &[u8]) -> String {
    let mut rng = Rng::with_seed(bytes.iter().map(|byte| u64::from(*byte)).sum());
    (0..64).map(|_| char::from(b"0123456789abcdef"[rng.usize(..16)])).collect()
}

fn lay_out(place: &Path, files: &Files, anchor: Option<&[u8]>) -> (PathBuf, PathBuf) {
    let directory = place.join("log");
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir(&directory).expect("a directory");
    for (name, bytes) in files {
        fs::write(directory.join(name), bytes).expect("written");
    }
    let path = anchor_beside(&directory);
    let _ = fs::remove_file(&path);
    if let Some(bytes) = anchor {
        fs::write(&path, bytes).expect("written");
    }
    (directory, path)
}

#[test]
fn slow_a_thousand_manipulations_are_each_found_and_named() {
    let mut specimen = Specimen::new();
    let place = TempDir::new().expect("a directory");
    let (directory, anchor) = lay_out(place.path(), &specimen.whole, Some(&specimen.anchor));
    let whole = verify(&directory, &anchor, &key()).expect("it is whole");
    assert_eq!((whole.first, whole.open), (1, 0));
    assert!(whole.last > 2 * ENTRIES as u64, "{whole:?}");

    let mut seen: BTreeMap<Manipulation, BTreeSet<Fault>> = BTreeMap::new();
    for number in 0..MANIPULATIONS {
        specimen.rng = Rng::with_seed(number);
        let how = ALL[usize::try_from(number).expect("few") % ALL.len()];
        let (files, bytes) = specimen.manipulated(how);
        if files == specimen.whole && bytes.as_ref() == Some(&specimen.anchor) {
            continue;
        }
        let (directory, anchor) = lay_out(place.path(), &files, bytes.as_deref());
        match verify(&directory, &anchor, &key()) {
            Err(VerifyError::Found(finding)) => {
                assert!(how.names().contains(&finding.fault), "number {number}, {how:?}: {finding}");
                assert!(finding.place.is_some() || matches!(how, RemoveAnchor | BreakAnchor | RemoveAll), "{finding}");
                seen.entry(how).or_default().insert(finding.fault);
            }
            other => panic!("number {number}, {how:?}: {other:?}"),
        }
    }
    assert_eq!(seen.len(), ALL.len(), "{seen:?}");
    let faults: BTreeSet<_> = seen.values().flatten().collect();
    assert!(faults.len() >= 9, "{seen:?}");
}

#[test]
fn the_first_bad_line_is_named() {
    let specimen = Specimen::new();
    let place = TempDir::new().expect("a directory");
    let mut lines = specimen.lines();
    lines.remove(40);
    let (directory, anchor) = lay_out(place.path(), &specimen.with(lines.clone()), Some(&specimen.anchor));
    let error = verify(&directory, &anchor, &key()).expect_err("a line is missing").to_string();
    let before = lines[..40].iter().rev().take_while(|(name, _)| *name == lines[40].0).count();
    let expected = format!(
        "{}, line {}: line 41 is missing before it (removed)",
        directory.join(&lines[40].0).display(),
        before + 1
    );
    assert_eq!(error, expected);
}

#[test]
fn another_pepper_proves_nothing() {
    let specimen = Specimen::new();
    let place = TempDir::new().expect("a directory");
    let (directory, anchor) = lay_out(place.path(), &specimen.whole, Some(&specimen.anchor));
    let error = verify(&directory, &anchor, &ChainKey::new(&[4; 32])).expect_err("another pepper").to_string();
    assert!(error.contains("line 1") && error.contains("another pepper"), "{error}");
}

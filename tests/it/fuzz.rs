//! The bodies of the fuzz targets, without a fuzzer: each with its seeds, and with what becomes of them when
//! bytes are changed by chance. `tests/fuzz/` has the targets themselves.

#[path = "../fuzz/checks/mod.rs"]
mod checks;

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use checks::CHECKS;

fn seeds(name: &str) -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/seeds").join(name);
    let entries = fs::read_dir(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    files.iter().map(|path| fs::read(path).expect("a seed")).collect()
}

#[test]
fn seeds_hold() {
    for (name, check) in CHECKS {
        let seeds = seeds(name);
        assert!(seeds.len() >= 5, "{name} has {} seeds", seeds.len());
        seeds.iter().for_each(|seed| check(seed));
    }
}

/// The list of targets is written three times: here, in the manifest, and as files.
#[test]
fn every_check_is_a_target() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let manifest = fs::read_to_string(root.join("Cargo.toml")).expect("a manifest");
    for (name, _) in CHECKS {
        assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name} is not in the manifest");
        let target = fs::read_to_string(root.join(format!("targets/{name}.rs"))).expect("a target");
        assert!(target.contains(&format!("checks::{name}(bytes)")), "targets/{name}.rs runs another check");
    }
    assert_eq!(manifest.matches("[[bin]]").count(), CHECKS.len());
}

/// One change of some bytes.
#[derive(Debug, Clone)]
enum Edit {
    Put(usize, u8),
    Insert(usize, &'static str),
    Remove(usize, usize),
    Repeat(usize, usize),
}

/// What parsers stumble over more often than over chance.
const MORSELS: [&str; 24] = [
    "\r\n", "\n", "\r", "\0", " ", "\t", ":", ";", ",", "%2e", "%2f", "%00", "%25", "..", "//", "\u{e9}", "[", "]",
    "{", "}", "=", "&", "\"", "0",
];

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Edit::Put(at, byte)),
        (any::<usize>(), 0..MORSELS.len()).prop_map(|(at, which)| Edit::Insert(at, MORSELS[which])),
        (any::<usize>(), 1usize..20).prop_map(|(at, length)| Edit::Remove(at, length)),
        (any::<usize>(), 1usize..40).prop_map(|(at, length)| Edit::Repeat(at, length)),
    ]
}

fn edited(mut bytes: Vec<u8>, edits: &[Edit]) -> Vec<u8> {
    for edit in edits {
        let place = |at: usize| at % (bytes.len() + 1);
        let range = |at: usize, length: usize| place(at)..(place(at) + length).min(bytes.len());
        match *edit {
            Edit::Put(at, byte) => {
                let at = place(at);
                if let Some(old) = bytes.get_mut(at) {
                    *old = byte;
                }
            }
            Edit::Insert(at, text) => {
                let at = place(at);
                bytes.splice(at..at, text.bytes());
            }
            Edit::Remove(at, length) => {
                let range = range(at, length);
                bytes.drain(range);
            }
            Edit::Repeat(at, length) => {
                let range = range(at, length);
                let again = bytes[range.clone()].to_vec();
                bytes.splice(range.end..range.end, again);
            }
        }
    }
    bytes
}

#[test]
fn changed_seeds_hold() {
    for (name, check) in CHECKS {
        let seeds = seeds(name);
        let config = ProptestConfig { cases: 3_000, failure_persistence: None, ..ProptestConfig::default() };
        let inputs = (0..seeds.len(), proptest::collection::vec(edit(), 0..6));
        let result = TestRunner::new(config).run(&inputs, |(seed, edits)| {
            check(&edited(seeds[seed].clone(), &edits));
            Ok(())
        });
        if let Err(error) = result {
            panic!("{name}: {error}");
        }
    }
}

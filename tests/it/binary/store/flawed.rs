//! Files that are no whole backup of this installation: each has its error, and changes nothing.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use keygate::model::{Pepper, TokenId};
use keygate::store::{ExchangeReader, Proof, SledOptions, StoreKey, proof_of};

use super::{BACKUP, backup, filled, held, sibling, snapshot, store};
use crate::support::binary::{Install, done};

/// An installation that is at rest, and the lines of its backup.
fn saved() -> (Install, Vec<String>) {
    let install = Install::new("http://127.0.0.1:1");
    let mut served = install.run();
    filled(&served);
    backup(&install, &served, BACKUP);
    served.process.stop("TERM");
    let text = fs::read_to_string(install.path(BACKUP)).expect("UTF-8");
    fs::remove_file(install.path(BACKUP)).expect("removed");
    (install, text.lines().map(str::to_owned).collect())
}

/// The line with other contents, and the check that goes with it: what somebody makes who knows how.
fn forged(line: &str, from: &str, to: &str) -> String {
    let changed = line.replacen(from, to, 1);
    assert_ne!(changed, line, "there is {from} in {line}");
    let (contents, _) = changed.rsplit_once(",\"check\":").expect("a check");
    format!("{contents},\"check\":\"{}\"}}", &blake3::hash(contents.as_bytes()).to_hex()[..16])
}

type Edit = fn(&mut Vec<String>);

const FLAWED: &[(&str, Edit)] = &[
    ("line 5: its check is wrong", |lines| lines[4] = lines[4].replace("service", "session")),
    ("line 5: it is not JSON from column 2 on", |lines| lines[4].replace_range(1..3, "{t")),
    ("line 11: the file ends here, before its last line: it was cut short", |lines| drop(lines.pop())),
    ("line 10: this should be line 11", |lines| drop(lines.remove(4))),
    ("line 12: something follows the end", |lines| lines.push(lines[5].clone())),
    ("line 6: unknown field `policy`", |lines| lines[5] = forged(&lines[5], "\"token\"", "\"policy\"")),
    ("line 11: the proof in the header does not fit", |lines| {
        lines[5] = forged(&lines[5], "\"service\"", "\"session\"")
    }),
    ("line 11: there are 7 tokens in the file, and its header says 9", |lines| {
        lines[0] = forged(&lines[0], "\"tokens\":7", "\"tokens\":9");
    }),
    ("line 1: tokens are hashed with `sha256`", |lines| lines[0] = lines[0].replace("blake3-keyed", "sha256")),
    ("line 1: the file has format 2", |lines| lines[0] = lines[0].replacen(":1,", ":2,", 1)),
    ("line 1: the file was written from a store of schema 3", |lines| {
        lines[0] = forged(&lines[0], "schema\":2", "schema\":3")
    }),
    ("line 1: there is no header", |lines| drop(lines.remove(0))),
    ("line 1: there is no header", |lines| lines.clear()),
];

#[test]
fn each_flaw_is_named_with_its_line_and_changes_nothing() {
    let (install, lines) = saved();
    assert_eq!(lines.len(), 11);
    let commands: [&[&str]; 4] = [
        &["verify", "--file", BACKUP],
        &["import", BACKUP],
        &["import", BACKUP, "--dry-run"],
        &["restore", BACKUP, "--yes"],
    ];
    for (text, edit) in FLAWED {
        let mut lines = lines.clone();
        edit(&mut lines);
        fs::write(install.path(BACKUP), lines.iter().map(|line| format!("{line}\n")).collect::<String>())
            .expect("written");
        let before = snapshot(install.directory.path());
        for command in commands {
            store(&install, command).refused(65, &[&format!("error: {BACKUP}: {text}")]);
            assert!(snapshot(install.directory.path()) == before, "{command:?} changed something for {text}");
        }
    }
}

#[test]
fn another_pepper_a_directory_and_nothing_are_no_backups() {
    let (install, lines) = saved();
    fs::write(install.path(BACKUP), lines.join("\n") + "\n").expect("written");
    let stranger = Install::new("http://127.0.0.1:1");
    fs::copy(install.path(BACKUP), stranger.path(BACKUP)).expect("copied");
    fs::create_dir(stranger.path("directory")).expect("made");
    fs::write(stranger.path("bytes"), [0x1f, 0x8b, 0xff, 0x00]).expect("written");
    let before = snapshot(stranger.directory.path());
    for command in [&["verify", "--file"][..], &["import"], &["restore", "--yes"]] {
        let with = |file: &str| store(&stranger, &[command, &[file]].concat());
        with(BACKUP).refused(65, &["line 1: the file was made with another pepper"]);
        with("directory").refused(1, &["error: directory: it cannot be read: Is a directory"]);
        with("nowhere").refused(1, &["error: nowhere: it cannot be read: No such file or directory"]);
        with("bytes").refused(65, &["error: bytes: line 1: there is no header"]);
        assert!(snapshot(stranger.directory.path()) == before, "{command:?}");
    }
    for command in [&["import"][..], &["restore", "--yes"]] {
        let refused = store(&stranger, &[command, &["/dev/null"]].concat());
        refused.refused(1, &["error: /dev/null is no regular file, and has to be read twice"]);
    }
}

/// The same file with one more token, from somebody who has the pepper: counts, checks and proof fit.
fn with_one_more(install: &Install, lines: &[String], line: String) -> Vec<String> {
    let mut lines = lines.to_vec();
    let last = lines.len() - 1;
    lines.insert(last, line);
    lines[last + 1] = forged(&lines[last + 1], "\"lines\":11", "\"lines\":12");
    lines[0] = forged(&lines[0], "\"tokens\":7", "\"tokens\":8");
    let text = lines.join("\n") + "\n";
    let mut reader = ExchangeReader::open(text.as_bytes()).expect("a header");
    let mut records = Vec::new();
    while let Some(entry) = reader.next_entry().expect("it adds up") {
        records.push(entry.record);
    }
    let pepper = Pepper::from_material(&fs::read(install.path("pepper")).expect("a pepper")).expect("long enough");
    let key = StoreKey::new(&pepper.derive(SledOptions::SECRET));
    let head = reader.header().head;
    let hex = |proof: Proof| proof.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    lines[0] =
        forged(&lines[0], &hex(head.proof), &hex(proof_of(&key, head.store, head.revision, records.iter()).proof));
    lines
}

#[test]
fn what_is_there_twice_is_told_by_its_line_and_changes_nothing() {
    let (install, lines) = saved();
    let empty = sibling(&install);
    let id = lines[5].split('"').find(|word| word.starts_with("tok_")).expect("an id");
    let twin = forged(&lines[5], id, &TokenId::fresh().to_string());
    let again = format!("line 11: there is a token {id} already");
    for (line, text) in [(lines[5].clone(), again), (twin, format!("line 11: token {id} has the same secret already"))]
    {
        let lines = with_one_more(&install, &lines, line);
        fs::write(empty.path(BACKUP), lines.join("\n") + "\n").expect("written");
        let before = snapshot(empty.directory.path());
        for command in [&["import", BACKUP][..], &["restore", BACKUP, "--yes"]] {
            store(&empty, command).refused(6, &[&text]);
            assert!(snapshot(empty.directory.path()) == before && !empty.path("data").exists(), "{command:?}");
        }
    }
    fs::write(install.path(BACKUP), lines.join("\n") + "\n").expect("written");
    let before = held(&install);
    let failure = store(&install, &["import", BACKUP, "--second-root", "-o", "json"]);
    failure.refused(6, &["\"exit_code\":6", "line 2: there is an account acc_"]);
    assert_eq!(held(&install), before);
}

/// A gateway that breaks off in the middle, which no chunk tells from a slow one.
#[test]
fn a_backup_that_breaks_off_is_not_kept() {
    let (install, lines) = saved();
    for whole_chunks in [true, false] {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let sent = lines[..4].join("\n") + "\n";
        let gateway = thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("the command connects");
            let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
            while lines.next().is_some_and(|line| !line.expect("a head").is_empty()) {}
            let end = if whole_chunks { "0\r\n\r\n" } else { "" };
            write!(stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{sent}\r\n{end}", sent.len())
                .expect("the command reads");
        });
        let mut command = install.command(&["store", "backup", BACKUP]);
        command.env("KEYGATE_ADMIN_URL", url).env("KEYGATE_ADMIN_TOKEN", &install.admin_token);
        done(&mut command).refused(65, &["error: the backup did not arrive whole, and nothing was kept of it: "]);
        gateway.join().expect("it answered");
        assert!(!install.path(BACKUP).exists() && !install.path("k.jsonl.part").exists());
    }
}

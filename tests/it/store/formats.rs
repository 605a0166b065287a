//! A store that an earlier version wrote opens with all that is in it; one that a later version wrote is
//! refused. The directories are in `tests/it/fixtures/store/`, one for each format, as the program of
//! that time left them, with what its API said of them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use crate::support::binary::{Install, Running, Served, contents, done};
use crate::support::{Upstream, get};

/// Fields that a later use of the token changes.
const USAGE: [&str; 2] = ["last_used", "requests"];

/// What a record of format 1 could not say, and what it says of that today: nothing.
const SINCE: [(&str, &str); 2] = [
    ("accounts.jsonl", r#"{"ceiling": null, "plan": null, "policy": null, "labels": {}}"#),
    (
        "list.jsonl",
        r#"{"roles": [], "user": null, "filters": {}, "imported": null, "retrievable": false, "rotation": null, "labels": {}, "warnings": []}"#,
    ),
];

/// An installation whose store is that of a fixture.
struct Old {
    install: Install,
    fixture: PathBuf,
    /// Answers what the proxy lets through.
    _upstream: Upstream,
}

impl Old {
    fn of(format: &str) -> Self {
        let fixture = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures/store").join(format);
        let upstream = Upstream::start();
        let mut install = Install::new(&upstream.url());
        for entry in fs::read_dir(&install.directory).expect("our own") {
            let path = entry.expect("an entry").path();
            match path.file_name().and_then(|name| name.to_str()) {
                Some("keygate.toml") => {}
                _ if path.is_dir() => fs::remove_dir_all(path).expect("removed"),
                _ => fs::remove_file(path).expect("removed"),
            }
        }
        fs::copy(fixture.join("pepper"), install.path("pepper")).expect("copied");
        fs::set_permissions(install.path("pepper"), fs::Permissions::from_mode(0o600)).expect("our own");
        let mut tar = Command::new("tar");
        tar.arg("-xzf").arg(fixture.join("data.tar.gz")).arg("-C").arg(install.directory.path());
        assert!(tar.status().expect("tar is everywhere").success());
        let first: Value = serde_json::from_str(&read(&fixture.join("init.json"))).expect("JSON");
        install.admin_token = first["token"].as_str().expect("a token").to_owned();
        Self { install, fixture, _upstream: upstream }
    }

    /// All that the fixture's lists say is there, and nothing else; each secret is worth what it was.
    fn assert_complete(&self, served: &Served) {
        let listed = |file: &str| as_of_today(file, lines(&read(&self.fixture.join(file))));
        let now = |arguments: &[&str]| lines(&done(&mut self.install.managed(served, arguments)).ok());
        let accounts = now(&["account", "list", "-o", "jsonl"]);
        assert_eq!(accounts, listed("accounts.jsonl"));
        let of = |id: &String| now(&["token", "list", "--account", id, "--all", "-o", "jsonl"]);
        let (tokens, states) = (accounts.keys().flat_map(of).collect(), listed("list.jsonl"));
        assert_eq!(without_usage(tokens), without_usage(states.clone()));
        let mut refused = BTreeMap::new();
        for (id, made) in listed("secrets.jsonl") {
            let answer = get(served.proxy, "/v1/devices/7", made["token"].as_str().expect("a token"));
            let state = states.get(&id).map_or("deleted", |token| token["state"].as_str().expect("a state"));
            let expected = match state {
                "active" => None,
                "disabled" => Some("token_disabled"),
                "revoked" => Some("token_revoked"),
                _ => Some("invalid_token"),
            };
            // What the grants of a token in force let through is not the store's affair.
            let code = (answer.status == 401).then(|| answer.problem());
            assert_eq!(code.as_deref(), expected, "{made}");
            *refused.entry(state).or_insert(0) += 1;
        }
        assert_eq!(refused.keys().copied().collect::<Vec<_>>(), ["active", "deleted", "disabled", "revoked"]);
        let admin = get(served.proxy, "/v1/devices/7", &self.install.admin_token);
        assert_eq!(admin.status, 200, "{}", admin.text());
    }
}

fn read(path: &std::path::Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Objects by their ids.
fn lines(text: &str) -> BTreeMap<String, Value> {
    let objects = text.lines().filter(|line| !line.is_empty()).map(|line| {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}"));
        (object["id"].as_str().unwrap_or_else(|| panic!("no id in {line}")).to_owned(), object)
    });
    objects.collect()
}

/// The records of a fixture's file, with what they would say today of what came later.
fn as_of_today(file: &str, mut records: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    for (_, since) in SINCE.iter().filter(|(name, _)| *name == file) {
        let Ok(Value::Object(since)) = serde_json::from_str(since) else { panic!("an object") };
        let objects = records.values_mut().filter_map(Value::as_object_mut);
        objects.for_each(|record| record.extend(since.clone()));
    }
    records
}

fn without_usage(mut tokens: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    for token in tokens.values_mut().filter_map(Value::as_object_mut) {
        USAGE.iter().for_each(|field| drop(token.remove(*field)));
    }
    tokens
}

#[test]
fn a_store_of_format_1_opens_with_all_that_is_in_it() {
    let old = Old::of("v1");
    let mut served = old.install.run();
    old.assert_complete(&served);
    let made = done(&mut old.install.managed(&served, &["token", "create", "new", "--read", "-o", "json"])).json();
    assert_eq!(served.process.stop("TERM"), Some(0));

    let served = old.install.run();
    let id = made["id"].as_str().expect("an id");
    done(&mut old.install.managed(&served, &["token", "delete", id, "--yes"])).ok();
    old.assert_complete(&served);
}

#[test]
fn counts_of_use_survive_the_change_of_format() {
    let old = Old::of("v1");
    let listed = lines(&read(&old.fixture.join("list.jsonl")));
    let (id, before) = listed.iter().find(|(_, token)| token["requests"] != 0).expect("one was used");
    let served = old.install.run();
    let now = done(&mut old.install.managed(&served, &["token", "show", id, "-o", "json"])).json();
    assert!(now["requests"].as_u64() >= before["requests"].as_u64(), "{now} was {before}");
}

#[test]
fn a_store_of_a_later_format_is_refused_and_left_alone() {
    let old = Old::of("v1");
    let mut served = old.install.run();
    assert_eq!(served.process.stop("TERM"), Some(0));
    let marker = old.install.path("data/keygate.store");
    let text = read(&marker);
    fs::write(&marker, text.replace("\"format\":2", "\"format\":3")).expect("written");
    let before = contents(old.install.directory.path());
    let mut refused = Running::start(&mut old.install.command(&["run"]));
    assert_eq!(refused.ended().code(), Some(1));
    let expected = "has format 3, and this version of keygate knows formats up to 2: use the version that wrote it";
    assert!(refused.err().contains(expected), "{}", refused.err());
    // But for the lock file, which names the process that looked.
    let after = contents(old.install.directory.path());
    let others = |path: &PathBuf| !path.ends_with("keygate.lock");
    assert!(before.iter().filter(|(path, _)| others(path)).eq(after.iter().filter(|(path, _)| others(path))));
    fs::write(&marker, text).expect("written");
    old.assert_complete(&old.install.run());
}

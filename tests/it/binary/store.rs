//! Backups of the real program: made while it runs, proven, put back, moved; and everything that is none.

mod damage;
mod flawed;
mod load;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::support::binary::{Done, Install, Running, Served, done};
use crate::support::{Created, Upstream, get};

const BACKUP: &str = "k.jsonl";

/// A store command in the installation's directory.
fn store(install: &Install, arguments: &[&str]) -> Done {
    done(install.command(&["store"]).args(arguments))
}

#[track_caller]
fn backup(install: &Install, served: &Served, name: &str) -> Value {
    done(&mut install.managed(served, &["store", "backup", name, "-o", "json"])).json()
}

/// An installation with the configuration and the pepper of another, and no store.
fn sibling(of: &Install) -> Install {
    let directory = tempfile::TempDir::new().expect("a temporary directory");
    for name in ["keygate.toml", "pepper"] {
        fs::copy(of.path(name), directory.path().join(name)).expect("copied");
    }
    Install { directory, admin_token: of.admin_token.clone() }
}

/// `keygate run` that does not come up.
#[track_caller]
fn refused_to_run(install: &Install, texts: &[&str]) {
    let mut process = Running::start(&mut install.command(&["run"]));
    let code = process.ended().code();
    assert_eq!(code, Some(65), "{}", process.err());
    texts.iter().for_each(|text| assert!(process.err().contains(text), "no {text:?} in {}", process.err()));
}

/// Tokens of every state, in two accounts.
fn filled(served: &Served) -> Vec<Created> {
    let admin = &served.admin;
    let account = admin.call("POST", "/v1/accounts", Some(json!({"name": "Zürich \"7\""}))).json();
    let mut made: Vec<_> = (0..6)
        .map(|number| admin.create(json!({"name": format!("n{number} \u{1f511}"), "grants": {"*": "read"}})))
        .collect();
    made.push(admin.create(json!({
        "name": "all", "account": account["id"], "description": "ключ € \\ \"q\"", "expires": "90d",
        "grants": {"*": "full", "devices": "read+delete"}, "rate_limit": {"requests": 7, "window": "90s"},
    })));
    admin.change(&made[1].id, "disable");
    admin.change(&made[2].id, "revoke");
    admin.delete(&made[3].id);
    made
}

/// What the management API says of every token, and the proxy of each secret.
fn everything(install: &Install, served: &Served, made: &[Created]) -> (Vec<Value>, Vec<u16>) {
    let list = |noun: &str, rest: &[&str]| {
        let arguments = [&[noun, "list", "-o", "jsonl"], rest].concat();
        done(&mut install.managed(served, &arguments)).ok()
    };
    let lines = list("token", &["--all"]) + &list("account", &[]);
    let records = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let answers = made.iter().map(|token| get(served.proxy, "/v1/devices", &token.secret).status).collect();
    (records, answers)
}

/// What the store holds, in the form of a backup, without its header.
#[track_caller]
fn held(install: &Install) -> Vec<String> {
    let text = store(install, &["export", "-"]).ok();
    text.lines().skip(1).map(str::to_owned).collect()
}

#[test]
fn a_backup_put_back_elsewhere_is_the_same_installation() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let made = filled(&served);
    assert_eq!(everything(&install, &served, &made).1, [200, 401, 401, 401, 200, 200, 200]);
    served.process.stop("TERM");
    let mut served = install.run();
    let told = backup(&install, &served, BACKUP);
    assert_eq!((told["tokens"].as_u64(), told["accounts"].as_u64()), (Some(7), Some(2)), "{told}");
    let (records, answers) = everything(&install, &served, &made);
    assert_eq!(records.len(), 6 + 2, "{records:?}");
    served.process.stop("TERM");
    let file = install.path(BACKUP);
    assert_eq!(file.metadata().expect("it is there").permissions().mode() & 0o777, 0o600);

    let text = fs::read_to_string(&file).expect("UTF-8");
    for secret in made.iter().map(|token| token.secret.as_str()).chain([install.admin_token.as_str()]) {
        let middle = &secret[secret.len() - 30..secret.len() - 8];
        assert!(!text.contains(secret) && !text.contains(middle), "a backup holds no token");
    }

    let elsewhere = sibling(&install);
    fs::copy(&file, elsewhere.path(BACKUP)).expect("copied");
    let verified = store(&elsewhere, &["verify", "--file", BACKUP, "-o", "json"]).json();
    assert_eq!((&verified["tokens"], &verified["revision"]), (&told["tokens"], &told["revision"]));
    let restored = store(&elsewhere, &["restore", BACKUP, "--yes", "-o", "json"]).json();
    assert_eq!((&restored["tokens"], &restored["lost"]), (&told["tokens"], &Value::Null), "{restored}");
    let lines: Vec<_> = text.lines().skip(1).map(str::to_owned).collect();
    assert_eq!(held(&elsewhere), lines, "usage and all");
    assert!(text.contains("\"requests\":1,"), "tokens were used");
    let served = elsewhere.run();
    assert_eq!(everything(&elsewhere, &served, &made), (records, answers));
    let again = served.admin.create(json!({"name": "new", "grants": {"*": "read"}}));
    assert_eq!(get(served.proxy, "/v1/devices", &again.secret).status, 200, "life goes on");
}

#[test]
fn an_export_is_imported_into_an_empty_store_and_nothing_twice() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    let made = filled(&served);
    let held_by = format!("in use by process {}", served.process.id());
    let refused = store(&install, &["export", BACKUP]);
    refused.refused(1, &[&held_by, "`keygate store backup FILE` saves the store of one that runs"]);
    served.process.stop("TERM");
    let told = store(&install, &["export", BACKUP, "-o", "json"]).json();
    assert_eq!((told["tokens"].as_u64(), told["accounts"].as_u64()), (Some(7), Some(2)), "{told}");
    let file = install.path(BACKUP);
    let created = store(&install, &["verify", "--file", BACKUP, "-o", "json"]).json()["created"].take();
    assert_eq!(told["created"], created, "what is told of a file is what is in it");
    let file = file.to_str().expect("UTF-8");

    let second = sibling(&install);
    let dry = store(&second, &["import", file, "--dry-run"]).ok();
    assert!(dry.contains("could be added to data; nothing was changed\ntokens"), "{dry}");
    assert!(!second.path("data").exists());
    let imported = store(&second, &["import", file, "-o", "json"]).json();
    assert_eq!((imported["tokens"].as_u64(), imported["added_tokens"].as_u64()), (Some(7), Some(7)), "{imported}");
    assert_eq!(held(&second), held(&install));
    let mut served = second.run();
    assert_eq!(everything(&second, &served, &made).1, [200, 401, 401, 401, 200, 200, 200]);
    served.process.stop("TERM");

    let before = held(&second);
    for arguments in [&["import", file][..], &["import", file, "--dry-run"]] {
        let error = format!("error: {file}: line 2: there is an account acc_");
        store(&second, arguments).refused(6, &[&error, " already; nothing was changed"]);
    }
    assert_eq!(held(&second), before);
}

#[test]
fn two_installations_with_one_pepper_become_one_if_that_is_meant() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let second = sibling(&install);
    let made = done(&mut second.command(&["init", "-c", "keygate.toml", "-o", "json"])).json();
    let own = made["token"].as_str().expect("a token");
    let mut served = install.run();
    let made = filled(&served);
    served.process.stop("TERM");
    store(&install, &["export", BACKUP]).ok();
    let (file, before) = (install.path(BACKUP), held(&second));
    let file = file.to_str().expect("UTF-8");
    store(&second, &["import", file]).refused(
        6,
        &[
            "line 2: account acc_",
            " is a root account, and acc_",
            "hint: import it into a store that is empty",
            "--second-root",
        ],
    );
    assert_eq!(held(&second), before);
    let dry = store(&second, &["import", file, "--second-root", "--dry-run", "-o", "json"]).json();
    assert_eq!((&dry["dry_run"], &dry["tokens"]), (&json!(true), &json!(7)), "{dry}");
    assert_eq!(held(&second), before);
    let imported = store(&second, &["import", file, "--second-root", "-o", "json"]).json();
    assert_eq!((&imported["tokens"], &imported["accounts"]), (&json!(8), &json!(3)), "{imported}");
    let served = second.run();
    assert_eq!(get(served.proxy, "/", own).status, 200);
    assert_eq!(get(served.proxy, "/", &made[0].secret).status, 200);
    assert_eq!(get(served.proxy, "/", &made[2].secret).status, 401);
}

#[test]
fn a_backup_is_for_the_root_account_and_replaces_no_file() {
    let install = Install::new("http://127.0.0.1:1");
    let served = install.run();
    let account = served.admin.call("POST", "/v1/accounts", Some(json!({"name": "eu"}))).json();
    let token = |body: Value| served.admin.create(body).secret;
    let below = token(json!({"name": "a", "account": account["id"], "grants": {"keygate.*": "full"}}));
    let narrow = token(json!({"name": "b", "grants": {"keygate.tokens": "full", "keygate.accounts": "full"}}));
    let exact = token(json!({"name": "c", "grants": {"keygate.store": "read"}}));
    let with =
        |token: &str| done(install.managed(&served, &["store", "backup", BACKUP]).env("KEYGATE_ADMIN_TOKEN", token));
    with(&below).refused(4, &["it takes a token of the root account", "hint: use a token of the root account"]);
    with(&narrow).refused(4, &["the call needs `read` on `keygate.store`"]);
    let left = || install.path(BACKUP).exists() || install.path("k.jsonl.part").exists();
    assert!(!left(), "a refusal leaves no file");
    let told = with(&exact).ok();
    assert!(told.starts_with("k.jsonl: complete\ntokens    4\naccounts  2\nrevision  "), "{told}");

    fs::write(install.path("mine"), "mine").expect("written");
    for (name, code, why) in
        [("mine", 6, "mine exists already, and nothing was changed"), ("..", 2, ".. names no file")]
    {
        done(&mut install.managed(&served, &["store", "backup", name])).refused(code, &[&format!("error: {why}")]);
    }
    assert_eq!(fs::read(install.path("mine")).expect("it is there"), b"mine");
    let streamed = done(&mut install.managed(&served, &["store", "backup", "-"]));
    assert!(streamed.err.starts_with("-: complete\n"), "{streamed:?}");
    fs::write(install.path("streamed"), streamed.ok()).expect("written");
    store(&install, &["verify", "--file", "streamed"]).ok();
}

#[test]
fn a_backup_can_be_restored_again_and_another_store_s_only_if_that_is_meant() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = install.run();
    filled(&served);
    backup(&install, &served, BACKUP);
    served.process.stop("TERM");
    let before = held(&install);
    for _ in 0..2 {
        let restored = store(&install, &["restore", BACKUP, "--yes", "-o", "json"]).json();
        assert_eq!((&restored["tokens"], &restored["lost"]), (&json!(7), &Value::Null), "{restored}");
        assert_eq!(held(&install), before);
    }

    let other = sibling(&install);
    done(&mut other.command(&["init", "-c", "keygate.toml", "-o", "json"])).ok();
    let (file, own) = (install.path(BACKUP), held(&other));
    let file = file.to_str().expect("UTF-8");
    let meant = "the backup is of another store, and all that was acknowledged in this one would be lost";
    store(&other, &["restore", file, "--yes"]).refused(65, &[meant, "nothing was changed", "--accept-loss"]);
    assert_eq!(held(&other), own);
    let restored = store(&other, &["restore", file, "--yes", "--accept-loss", "-o", "json"]).json();
    assert_eq!((&restored["later_changes"], &restored["lost"]), (&json!(0), &json!(meant)), "{restored}");
    assert_eq!(held(&other), before);
}

/// Names and contents of all files of a directory, but for the lock, which names the last process.
fn snapshot(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let all = crate::support::binary::contents(directory);
    all.into_iter().filter(|(path, _)| !path.ends_with("keygate.lock")).collect()
}

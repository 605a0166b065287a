//! From nothing to a protected API, and what the program says where that fails.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::support::binary::{Install, contents, done, keygate};
use crate::support::{Upstream, get, request};

#[test]
fn from_nothing_to_a_protected_api() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let checked = done(&mut install.command(&["check"])).ok();
    assert!(checked.starts_with("keygate.toml: ok\n"), "{checked}");
    let mut served = install.run();

    let made = done(&mut install.managed(&served, &["token", "create", "my-first", "--read", "-o", "raw"])).ok();
    let token = made.strip_suffix('\n').expect("a line");
    assert!(token.starts_with("kg_svc_") && token.len() == 43, "{made:?}");
    assert_eq!(request(served.proxy, "GET", "/v1/things", None, b"").status, 401);
    assert_eq!(get(served.proxy, "/v1/things", token).text(), r#"{"ok":true}"#);
    assert_eq!(request(served.proxy, "POST", "/v1/things", Some(token), b"{}").status, 403);

    let list = || done(&mut install.managed(&served, &["token", "list", "-o", "jsonl"])).ok();
    let row = list().lines().find(|line| line.contains("my-first")).expect("it is listed").to_owned();
    assert!(!row.contains(token), "a list has no secret");
    let row: serde_json::Value = serde_json::from_str(&row).expect("JSON");
    assert_eq!((row["state"].as_str(), row["grants"]["*"].as_str()), (Some("active"), Some("read")));
    let id = row["id"].as_str().expect("an id");
    let revoked = done(&mut install.managed(&served, &["token", "revoke", id, "--yes"])).ok();
    assert_eq!(revoked, format!("{id} revoked\n"));
    let refused = get(served.proxy, "/v1/things", token);
    assert_eq!((refused.status, refused.problem().as_str()), (401, "token_revoked"));
    assert_eq!(upstream.seen().len(), 1, "what was refused never arrived");
    assert_eq!(served.process.stop("TERM"), Some(0));
}

#[test]
fn init_keeps_secrets_to_their_owner() {
    let install = Install::new("http://127.0.0.1:1");
    let mode = |name: &str| install.path(name).metadata().expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode("pepper"), mode("data.anchor"), mode("data"), mode("data/data-1")), (0o600, 0o600, 0o700, 0o700));
    assert_eq!(mode("keygate.toml") & 0o022, 0, "nobody else may write the configuration");
    for (path, bytes) in contents(install.directory.path()) {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(&install.admin_token), "the token's text is in {}", path.display());
    }
}

#[test]
fn init_says_what_comes_next() {
    let directory = TempDir::new().expect("a directory");
    let mut init = keygate();
    init.current_dir(&directory).args(["init", "--dir", "gate", "--listen", "127.0.0.1:0"]);
    let text = done(init.args(["--admin-listen", "127.0.0.1:9902"])).ok();
    let token = text.lines().find_map(|line| line.trim().strip_prefix("kg_svc_")).expect("the token");
    let next = text.split_once("Next:\n").expect("the next steps").1;
    let expected = format!(
        "  {program} check -c gate/keygate.toml
  {program} run -c gate/keygate.toml
and in another terminal:
  export KEYGATE_ADMIN_URL=http://127.0.0.1:9902
  export KEYGATE_ADMIN_TOKEN=kg_svc_{token}
  {program} token create my_first --read
",
        program = env!("CARGO_BIN_EXE_keygate")
    );
    assert_eq!(next, expected);
}

#[test]
fn each_preset_begins_as_init_says() {
    for preset in ["tagoio", "cockpit", "logzio", "autheona", "apono"] {
        let upstream = Upstream::start();
        let directory = TempDir::new().expect("a directory");
        let mut init = keygate();
        init.current_dir(&directory).args(["init", "--preset", preset, "--upstream", &upstream.url()]);
        let told = done(init.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])).ok();
        let admin_token = told.lines().find_map(|line| line.trim().strip_prefix("export KEYGATE_ADMIN_TOKEN="));
        let install = Install { directory, admin_token: admin_token.expect("a token").to_owned() };
        let served = install.run();

        let mut token = String::new();
        for line in told.lines().skip_while(|line| !line.starts_with("and in another")).filter(|l| l.starts_with("  "))
        {
            let line = line.replace("http://127.0.0.1:0", &served.admin_url()).replace("kg_ses_…", &token);
            if let Some(given) = line.trim().strip_prefix("export KEYGATE_ADMIN_TOKEN=") {
                token = given.to_owned();
                continue;
            }
            let mut shell = Command::new("sh");
            shell.current_dir(&install.directory).env("KEYGATE_ADMIN_TOKEN", &token);
            let said = done(shell.env("KEYGATE_ADMIN_URL", served.admin_url()).args(["-c", &line])).ok();
            // The token of a session, or of the text that a person reads.
            let mut words = said.split(['"', ' ', '\n']);
            if let Some(text) = words.find(|word| word.starts_with("kg_") && word.len() == 43) {
                token = text.to_owned();
            }
        }
        assert_ne!(token, install.admin_token, "{preset}: {told}");
        assert_eq!(get(served.proxy, "/v1/things", &token).status, 200, "{preset}");
        assert_eq!(request(served.proxy, "DELETE", "/v1/things", Some(&token), b"").status, 403, "{preset}");
    }
}

#[test]
fn init_never_overwrites() {
    let install = Install::new("http://127.0.0.1:1");
    let before = contents(install.directory.path());
    let expected = "error: keygate.toml, pepper and data exist already, and nothing was changed
hint: name another directory with --dir; a new pepper would make every token that exists useless
";
    let again = done(&mut install.command(&["init"]));
    assert_eq!((again.code, again.out.as_str(), again.err.as_str()), (1, "", expected));
    fs::remove_file(install.path("keygate.toml")).expect("a file");
    done(&mut install.command(&["init"])).refused(1, &["error: pepper and data exist already"]);
    assert!(!install.path("keygate.toml").exists());
    fs::write(install.path("keygate.toml"), &before[&install.path("keygate.toml")]).expect("a file");
    assert_eq!(contents(install.directory.path()), before);
}

/// As in a container: configuration and pepper are mounted, and only the store is to be made.
#[test]
fn init_of_a_configuration_that_exists_makes_only_the_store() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    fs::remove_dir_all(install.path("data")).expect("the store");
    let gone = "error: store_gone: there is no store at data, but data.anchor says that 1 tokens were in it. To begin a new \
                store in its place, remove that file\n";
    for command in [&["run"][..], &["init", "-c", "keygate.toml"]] {
        done(&mut install.command(command)).refused(65, &[gone]);
    }
    fs::remove_file(install.path("data.anchor")).expect("the anchor");
    let mut files = contents(install.directory.path());
    // It names the process that last looked.
    files.remove(&install.path("data/keygate.lock"));
    // The audit log is not the store's, and goes on: it tells of the next one, too.
    files.retain(|path, _| !path.display().to_string().contains("data.audit"));
    done(&mut install.command(&["init"]))
        .refused(1, &["hint: `keygate init -c keygate.toml` makes the store and the first token for them\n"]);
    done(&mut install.command(&["run"])).refused(
        1,
        &["error: the store at data has no account yet; run `keygate init -c FILE` with this configuration to create"],
    );
    let made = done(&mut install.command(&["init", "-c", "keygate.toml", "-o", "json"])).json();
    let token = made["token"].as_str().expect("a token").to_owned();
    assert_ne!(token, install.admin_token);
    assert!(files.iter().all(|(path, bytes)| fs::read(path).is_ok_and(|now| now == *bytes)), "no file was changed");
    done(&mut install.command(&["init", "-c", "keygate.toml"]))
        .refused(1, &["the store has a root account already", "nothing was changed"]);

    let served = install.run();
    done(&mut install.command(&["init", "-c", "keygate.toml"]))
        .refused(1, &["error: the store at data is in use by process "]);
    assert_eq!(get(served.proxy, "/v1/things", &token).status, 200);
    assert_eq!(get(served.proxy, "/v1/things", &install.admin_token).status, 401, "that store is gone");
}

#[test]
fn init_makes_nothing_where_it_fails() {
    let directory = TempDir::new().expect("a directory");
    let failed = done(keygate().current_dir(&directory).args(["init", "--dir", "new", "--upstream", "no-url"]));
    assert_eq!((failed.code, failed.out.as_str()), (78, ""), "{failed:?}");
    assert!(failed.err.starts_with("error: `upstream.url` must start with http://, https:// or unix:\n"), "{failed:?}");
    assert!(failed.err.ends_with("Nothing was written: give `keygate init` other options.\n"), "{failed:?}");
    assert_eq!(contents(directory.path()).len(), 0);
    assert!(!directory.path().join("new").exists());
}

#[test]
fn run_and_check_tell_the_same_of_a_broken_configuration() {
    let install = Install::new("http://127.0.0.1:1");
    install.configure(|text| {
        text.replacen("upstream = \"api\"", "upstream = \"apo\"", 1).replace("max_body = ", "max_bodi = ")
    });
    let (run, check) = (done(&mut install.command(&["run"])), done(&mut install.command(&["check"])));
    assert_eq!((run.code, run.out.as_str(), check.code, check.out.as_str()), (78, "", 78, ""), "{run:?}");
    assert_eq!(run.err, check.err);
    for text in ["did you mean `api`", "did you mean `max_body`", "--> keygate.toml:", "2 problems in keygate.toml\n"] {
        assert!(run.err.contains(text), "no {text:?} in {}", run.err);
    }
}

#[test]
fn without_a_configuration_the_way_to_one_is_told() {
    let directory = TempDir::new().expect("a directory");
    if Path::new("/etc/keygate/keygate.toml").exists() {
        return; // This machine has one.
    }
    for command in ["run", "check"] {
        let refused = done(keygate().current_dir(&directory).arg(command));
        assert_eq!(
            (refused.code, refused.err.as_str()),
            (
                78,
                "error: no configuration: there is no keygate.toml and no /etc/keygate/keygate.toml\n\
                 hint: name one with -c FILE or KEYGATE_CONFIG, or make one with `keygate init`\n"
            )
        );
    }
}

#[test]
fn an_address_in_use_is_told_with_the_way_out() {
    let install = Install::new("http://127.0.0.1:1");
    let holder = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = holder.local_addr().expect("bound");
    for listener in ["PUBLIC", "ADMIN"] {
        let variable = format!("KEYGATE__LISTEN__{listener}__ADDRESS");
        let refused = done(install.command(&["run"]).env(variable, address.to_string()));
        let port = address.port();
        assert_eq!(
            (refused.code, refused.err),
            (
                1,
                format!(
                    "error: cannot listen on {address}: the address is in use; stop what uses it \
                     (`ss -ltnp 'sport = :{port}'` shows it) or choose another\n"
                )
            )
        );
    }
}

#[test]
fn a_store_belongs_to_one_process() {
    let install = Install::new("http://127.0.0.1:1");
    let mut served = install.run();
    let refused = done(&mut install.command(&["run"]));
    assert_eq!(
        (refused.code, refused.err),
        (
            1,
            format!(
                "error: the store at data is in use by process {}: a store belongs to one process, \
                 so stop that one or give this one a `store.path` of its own\n",
                served.process.id()
            )
        )
    );
    // Killed, it leaves its lock file behind, which must not stop the next.
    served.process.kill();
    install.run();
}

#[test]
fn another_pepper_is_refused() {
    let install = Install::new("http://127.0.0.1:1");
    let pepper = fs::read_to_string(install.path("pepper")).expect("a pepper");
    fs::write(install.path("pepper"), "f".repeat(96)).expect("a file");
    let refused = done(&mut install.command(&["run"]));
    assert_eq!(
        (refused.code, refused.err.as_str()),
        (
            65,
            "error: the store at data was made with another pepper, so no token in it would be found: \
             give `tokens.pepper` the pepper of this store\n"
        )
    );
    fs::write(install.path("pepper"), pepper).expect("a file");
    install.run();
}

//! Secrets where a start, a check or another command meets them: in files and variables that are wrong, in arguments
//! where they do not belong, and in the session that a login keeps.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

use keygate::model::{Kind, TokenPrefix, TokenText};
use serde_json::json;

use super::canary::{Canary, Evidence};
use super::stage::write_private;
use crate::support::Upstream;
use crate::support::binary::{Done, Install, done};

const SECRET: &str = "C4n4ryOfAConfiguration0123456789abcdefXYZ";

/// What stands in place of the line with the pepper.
const PEPPERS: [&str; 18] = [
    "pepper = \"@\"",
    "pepper = \"@",
    "pepper = @",
    "pepper = '@",
    "pepper = \"\"\"\n@\n",
    "pepper = { value = \"@\" }",
    "pepper = { value = \"@\"",
    "pepper = { file = \"pepper\", value = \"@\" }",
    "pepper = [\"@\"]",
    "pepper = [{ secret = \"@\" }]",
    "pepper = \"@\" nonsense",
    "pepper = \"@\"\npepper = \"@\"",
    "pepper.secret = \"@\"",
    "peper = \"@\"",
    "@ = \"pepper\"",
    "[pepper]\nvalue = \"@\"",
    "pepper = \"@\\q\"",
    "pepper = { env = \"KEYGATE_TEST_SHORT\" }",
];

/// What stands at the end of the configuration.
const ENDS: [&str; 9] = [
    "[[webhook]]\nname = \"x\"\nurl = \"https://x\"\nsecret = \"whsec_@\"",
    "[[webhook]]\nname = \"x\"\nurl = \"https://x\"\nsecret = \"whsec_@",
    "[[webhook]]\nname = \"x\"\nurl = \"https://x\"\nsecrets = [\"whsec_@\"]",
    "[[webhook]]\nname = \"x\"\nurl = \"https://user:@@x\"\nsecret = { file = \"hook\" }",
    "[[webhook]]\nname = \"x\"\nurl = \"https://x\"\nsecret = { file = \"hook\" }",
    "[leaks]\ngithub_keys = \"https://user:@@x\"",
    "[[upstream]]\nname = \"y\"\nurl = \"http://user:@@x\"",
    "[tokens]\nreveal_key = \"@\"",
    "[reveal]\nkey = \"@\"",
];

const VARIABLES: [(&str, &str); 6] = [
    ("KEYGATE__TOKENS__PEPPER", "@"),
    ("KEYGATE__TOKENS__PEPER", "@"),
    ("KEYGATE__TOKENS__PEPPER__VALUE", "@"),
    ("KEYGATE__TOKENS__REVEAL_KEY", "@"),
    ("KEYGATE__UPSTREAM__API__URL", "http://user:@@x"),
    ("KEYGATE__TOKENS", "{ pepper = \"@\" }"),
];

fn told(evidence: &mut Evidence, place: &str, ran: Done) {
    evidence.add(place, format!("{}\n{}", ran.out, ran.err));
}

#[test]
fn slow_no_secret_of_a_configuration_is_told_whatever_is_wrong_with_it() {
    let install = Install::new("http://127.0.0.1:1");
    let good = std::fs::read_to_string(install.path("keygate.toml")).expect("a configuration");
    let line = good.lines().find(|line| line.starts_with("pepper = ")).expect("a pepper").to_owned();
    write_private(&install.path("hook"), &format!("whsec_{SECRET}?"));
    let mut evidence = Evidence::default();
    let mut try_with = |what: &str, text: &str, environment: &[(&str, &str)]| {
        std::fs::write(install.path("keygate.toml"), text).expect("a writable file");
        for arguments in [&["check"][..], &["check", "-o", "json"], &["run"], &["token", "list"], &["store", "verify"]]
        {
            let mut command = install.command(arguments);
            let ran = done(command.envs(environment.iter().copied()).env("RUST_BACKTRACE", "full"));
            assert_ne!(ran.code, 0, "{what}: {arguments:?} {ran:?}");
            assert!(!ran.err.is_empty(), "{what}: {arguments:?} says nothing");
            told(&mut evidence, &format!("{arguments:?} with {what}"), ran);
        }
    };
    for wrong in PEPPERS {
        let text = good.replace(&line, &wrong.replace('@', SECRET));
        try_with(wrong, &text, &[("KEYGATE_TEST_SHORT", &SECRET[..20])]);
    }
    for wrong in ENDS {
        let end = wrong.replace("@@", &format!("{SECRET}\u{1}")).replace('@', SECRET).replace('\u{1}', "@");
        try_with(wrong, &format!("{good}\n{end}\n"), &[]);
    }
    for (name, value) in VARIABLES {
        let value = value.replace("@@", &format!("{SECRET}\u{1}")).replace('@', SECRET).replace('\u{1}', "@");
        try_with(name, &good, &[(name, &value)]);
    }
    let short = good.replace(&line, "pepper = { file = \"short\" }");
    write_private(&install.path("short"), &SECRET[..20]);
    try_with("a pepper that is too short", &short, &[]);
    write_private(&install.path("short"), SECRET);
    std::fs::set_permissions(install.path("short"), std::fs::Permissions::from_mode(0o644)).expect("our own file");
    try_with("a pepper that everybody may read", &short, &[]);
    evidence.assert_silent(&[Canary::whole("the secret", SECRET), Canary::new("its beginning", SECRET, &SECRET[..30])]);
    let heard = evidence.with(SECRET).search(&[Canary::whole("the secret", SECRET)]);
    assert_eq!(heard.len(), evidence.places().count(), "not every place is searched");
}

/// What a command is told by its user is not printed back, not by its failures either.
#[test]
fn slow_commands_print_no_token_that_they_were_not_to_print() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let served = install.run();
    let unknown = TokenText::generate(&TokenPrefix::default(), Kind::Service).expect("randomness");
    let (admin, unknown) = (install.admin_token.as_str(), unknown.expose());
    let password = "the password of somebody, a canary";
    let mut evidence = Evidence::default();
    write_private(&install.path("password"), password);
    write_private(&install.path("wrong-password"), "another password of somebody, a canary");
    write_private(&install.path("token"), &format!("{unknown} and more\n"));
    write_private(
        &install.path("keys.jsonl"),
        &format!("{unknown}\n{{\"hash\": \"{unknown}\", \"algorithm\": \"sha256\"}}\n{{{unknown}\n"),
    );
    done(
        &mut install.managed(
            &served,
            &["user", "create", "ada@example.org", "--role", "viewer", "--password-file", "password"],
        ),
    )
    .ok();
    let with_user = format!("http://any:{unknown}@{}", served.admin.address);
    for arguments in [
        &["token", "show", unknown][..],
        &["token", "revoke", unknown, "--yes"],
        &["token", "rotate", unknown, "--yes"],
        &["token", "delete", unknown, "--yes"],
        &["token", "list", "--account", unknown],
        &["token", "list", "--sort", unknown],
        &["token", unknown],
        &["account", "show", unknown],
        &["user", "show", unknown],
        &["session", "end", unknown],
        &["audit", "search", "--token", unknown],
        &["route", "test", "GET", "/", "--token", unknown],
        &["import", "keys.jsonl"],
        &["import", "keys.jsonl", "--output", "jsonl"],
        &["explain", unknown],
        &["whoami", unknown],
        &["check", unknown],
        &["--admin-url", &with_user, "whoami"],
        &["--admin-token", unknown, "whoami"],
        &["--token-file", "token", "whoami"],
        &["--token-file", unknown, "whoami"],
        &["import", unknown],
        &["run", "--config", unknown],
        &["whoami", "-o", unknown],
        &["login", "ada@example.org", "--password-file", "wrong-password"],
        &[unknown],
    ] {
        let home = install.path("nobody");
        let ran = done(install.managed(&served, arguments).env("HOME", &home).env("RUST_LOG", "trace"));
        assert!(ran.code != 0 || arguments[0] == "token" || arguments[0] == "audit", "{arguments:?}: {ran:?}");
        told(
            &mut evidence,
            &format!("{:?}", &arguments[..arguments.len().min(2)].join(" ").replace(unknown, "TOKEN")),
            ran,
        );
    }
    for (name, value) in [
        ("KEYGATE_ADMIN_TOKEN", format!("{unknown} x")),
        ("KEYGATE_ADMIN_URL", with_user),
        ("KEYGATE_ADMIN_URL", unknown.to_owned()),
    ] {
        for arguments in [&["whoami"][..], &["token", "list", "-o", "json"]] {
            told(&mut evidence, name, done(install.managed(&served, arguments).env(name, &value)));
        }
    }
    for arguments in [&["token", "verify"][..], &["token", "inspect"], &["token", "verify", "-o", "json"]] {
        told(&mut evidence, "a token on standard input", piped(install.managed(&served, arguments), unknown));
    }
    let home = install.path("home");
    let session = session_of(&install, &served.admin_url(), &home, &mut evidence);
    let canaries = [
        Canary::token("the administrator's token", admin),
        Canary::token("nobody's token", unknown),
        Canary::token("the session", &session),
        Canary::whole("a password", password),
        Canary::whole("a wrong password", "another password of somebody, a canary"),
    ];
    evidence.assert_silent(&canaries);
    assert_eq!(evidence.with(unknown).search(&canaries[1..2]).len(), evidence.places().count());
}

/// Logs in, and looks at what is left on the disk: the session in one file for its owner alone, the password nowhere.
fn session_of(install: &Install, url: &str, home: &std::path::Path, evidence: &mut Evidence) -> String {
    let mut login = install.command(&["login", "ada@example.org", "--password-file", "password"]);
    told(evidence, "login", done(login.env("HOME", home).env("KEYGATE_ADMIN_URL", url)));
    let path = home.join(".config/keygate/session.json");
    let kept: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).expect("a session")).expect("JSON");
    let mode = |path: &std::path::Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().expect("a directory"))), (0o600, 0o700));
    let files: Vec<_> = std::fs::read_dir(path.parent().expect("a directory")).expect("it is there").collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let session = kept["token"].as_str().expect("a token").to_owned();
    assert_ne!(kept, json!({}));
    for arguments in [&["whoami"][..], &["session", "list"], &["token", "list"], &["logout"]] {
        told(evidence, "a command of a session", done(install.command(arguments).env("HOME", home)));
    }
    assert!(!path.exists(), "a logout forgets the session");
    session
}

fn piped(mut command: Command, text: &str) -> Done {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    writeln!(child.stdin.take().expect("piped"), "{text}").expect("it reads");
    let output = child.wait_with_output().expect("our own child");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    Done { code: output.status.code().expect("an end in order"), out: text(output.stdout), err: text(output.stderr) }
}

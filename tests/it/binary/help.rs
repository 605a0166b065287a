//! What the help says: every example of every command is run as it stands there.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::binary::{Done, Install, Served, done, keygate};

/// Every command that does something, as the words behind `keygate`.
fn commands(words: &[&str], found: &mut Vec<(Vec<String>, String)>) {
    let help = done(keygate().args(words).arg("--help")).ok();
    let Some(listed) = help.split("Commands:\n").nth(1) else {
        found.push((words.iter().map(|word| (*word).to_owned()).collect(), help));
        return;
    };
    let names = listed.split("\n\n").next().unwrap_or_default().lines().filter(|line| !line.starts_with("   "));
    for name in names.filter_map(|line| line.split_whitespace().next()).filter(|name| *name != "help") {
        commands(&[words, &[name]].concat(), found);
    }
}

fn examples(help: &str) -> Vec<String> {
    let block = help.split("Examples:\n").nth(1).unwrap_or_default();
    block.lines().map_while(|line| line.strip_prefix("  keygate ")).map(str::to_owned).collect()
}

/// Things to name in an example: a token, an account, a user, all fresh.
struct Props<'a> {
    install: &'a Install,
    served: &'a Served,
    number: usize,
}

impl Props<'_> {
    fn made(&self, arguments: &[&str]) -> Value {
        done(&mut self.install.managed(self.served, arguments)).json()
    }

    fn account(&self) -> String {
        id(&self.made(&["account", "create", &format!("account {}", self.number), "-o", "json"]))
    }

    fn user(&self, roles: &[&str]) -> String {
        let login = format!("user{}@example.org", self.number);
        id(&self.made(&[&["user", "create", &login, "-o", "json"], roles].concat()))
    }

    /// The example with ids in the place of `tok_…`, `acc_…` and `usr_…`.
    fn filled(&self, line: &str) -> String {
        let mut line = line.to_owned();
        if line.contains("acc_…") {
            line = line.replace("acc_…", &self.account());
        }
        if line.contains("usr_…") {
            let user = self.user(&[]);
            // Only a member can be given other roles, or be removed.
            if line.starts_with("user member") && !line.contains(" add ") {
                let account = line.split(' ').find(|word| word.starts_with("acc_")).expect("an account").to_owned();
                done(
                    &mut self
                        .install
                        .managed(self.served, &["user", "member", "add", &user, &account, "--role", "viewer"]),
                )
                .ok();
            }
            line = line.replace("usr_…", &user);
        }
        if line.contains("tok_…") {
            let token = if line.starts_with("session") { self.session() } else { self.token() };
            line = line.replace("tok_…", &token);
        }
        line
    }

    fn token(&self) -> String {
        id(&self.made(&["token", "create", "ci", "--read", "-o", "json"]))
    }

    fn session(&self) -> String {
        let (login, file) = (format!("user{}@example.org", self.number), self.install.path("password.txt"));
        std::fs::write(&file, "correct horse battery\n").expect("a file");
        self.user(&["--role", "owner", "--password-file", file.to_str().expect("UTF-8")]);
        let home = self.install.path("home");
        done(self.command(&format!("login {login} --password-file password.txt"), true).env("HOME", &home)).ok();
        let whoami = done(self.command("whoami -o json", true).env("HOME", &home)).json();
        whoami["token"]["id"].as_str().expect("an id").to_owned()
    }

    /// The line in a shell, as an administrator or as somebody with no token but that of a login.
    fn command(&self, line: &str, is_user: bool) -> Command {
        let program = Path::new(env!("CARGO_BIN_EXE_keygate"));
        let mut command = Command::new("sh");
        command.env_clear().env("PATH", format!("{}:/usr/bin:/bin", program.parent().expect("a place").display()));
        command.args(["-c", &format!("keygate {line}")]).current_dir(&self.install.directory);
        command.stdin(std::process::Stdio::null()).env("KEYGATE_ADMIN_URL", self.served.admin_url());
        if !is_user {
            command.env("KEYGATE_ADMIN_TOKEN", &self.install.admin_token);
        }
        command
    }
}

fn id(record: &Value) -> String {
    record["id"].as_str().unwrap_or_else(|| panic!("no id in {record}")).to_owned()
}

/// Whether the line did what the help says it does.
fn is_right(line: &str, done: &Done) -> bool {
    match line {
        // Asked without a terminal.
        "login ada@example.org" => done.code == 2 && done.err.contains("--password-file"),
        // Asked without a terminal, too.
        "user accept" | "user password" => done.code == 1 && done.err.contains("the input ended"),
        // Of a token that was made a moment ago: there is no copy of it, and no overlap.
        _ if line.starts_with("token reveal") || line.ends_with("--end") || line.ends_with("--undo") => done.code == 6,
        // Exit code 5 is an answer here.
        _ if line.starts_with("explain") || line.starts_with("route test") => matches!(done.code, 0 | 5),
        _ => done.code == 0,
    }
}

/// Goes on until it is interrupted, takes a log that is broken, or a file or an address that is not there.
fn is_run_elsewhere(line: &str) -> bool {
    let starts = ["audit tail --follow", "audit accept", "audit verify --file", "token inspect token.txt"];
    starts.iter().any(|start| line.starts_with(start)) || line.starts_with("healthcheck --url")
}

#[test]
fn slow_every_example_of_the_help_works() {
    let install = Install::new("http://127.0.0.1:1");
    let served = install.run();
    let mut leaves = Vec::new();
    commands(&[], &mut leaves);
    assert!(leaves.len() > 40, "the sweep found {} commands", leaves.len());
    let ada = install.path("password.txt");
    std::fs::write(&ada, "correct horse battery\n").expect("a file");
    let (mut number, mut wrong) = (0, Vec::new());
    // Those that stand on what others have not done yet, or that need a server of their own, are run elsewhere.
    let groups = [
        "token",
        "account",
        "user",
        "role",
        "policy",
        "session",
        "route",
        "usage",
        "whoami",
        "explain",
        "login",
        "logout",
        "completions",
        "man",
        "audit",
        "healthcheck",
        "version",
        "exit-codes",
    ];
    for (words, help) in leaves.iter().filter(|(words, _)| groups.contains(&words[0].as_str())) {
        for line in examples(help).into_iter().filter(|line| !is_run_elsewhere(line)) {
            number += 1;
            let props = Props { install: &install, served: &served, number };
            if line.starts_with("login") && number > 0 {
                // Who logs in has to be there, and may be already.
                let file = ada.to_str().expect("UTF-8");
                done(&mut install.managed(
                    &served,
                    &["user", "create", "ada@example.org", "--role", "owner", "--password-file", file],
                ));
            }
            let filled = props.filled(&line);
            let is_user = line.starts_with("session list") || line.starts_with("log");
            let home = install.path("home");
            if line.starts_with("session list") {
                props.session();
            }
            let outcome = done(props.command(&filled, is_user).env("HOME", &home));
            if !is_right(&line, &outcome) {
                wrong.push(format!("{}: keygate {filled}: {outcome:?}", words.join(" ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(number > 40, "the sweep ran {number} examples");
}

#[test]
fn completions_and_manual_pages_know_every_command() {
    let mut leaves = Vec::new();
    commands(&[], &mut leaves);
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = done(keygate().args(["completions", shell])).ok();
        for (words, _) in &leaves {
            let last = words.last().expect("a word");
            assert!(script.contains(last.as_str()), "{shell} does not know {last}");
        }
    }
    let directory = tempfile::TempDir::new().expect("a directory");
    let made = done(keygate().arg("man").arg(directory.path()));
    assert_eq!(made.code, 0, "{made:?}");
    for (words, _) in &leaves {
        let page = directory.path().join(format!("keygate-{}.1", words.join("-")));
        assert!(page.exists(), "{}", page.display());
    }
    assert!(done(keygate().arg("man")).ok().contains(".TH keygate 1"));
}

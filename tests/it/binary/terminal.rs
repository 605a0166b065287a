//! The program at a terminal, driven through tmux as a person would: what is asked, what is shown, and what
//! is not.

use std::process::Command;

use tempfile::TempDir;

use crate::support::binary::{Install, Served, done};
use crate::support::wait::eventually;

/// A terminal of its own, which ends with its value.
struct Screen {
    socket: TempDir,
}

impl Screen {
    /// A shell in the installation's directory, `columns` wide.
    fn new(install: &Install, served: &Served, columns: u16) -> Self {
        let screen = Self { socket: TempDir::new().expect("a directory") };
        let program = std::path::Path::new(env!("CARGO_BIN_EXE_keygate")).parent().expect("a place");
        let width = columns.to_string();
        let mut start = screen.tmux(&["-f", "/dev/null", "new-session", "-d", "-x", &width, "-y", "50", "env", "-i"]);
        start.args([
            format!("PATH={}:/usr/bin:/bin", program.display()),
            format!("HOME={}", install.path("home").display()),
            format!("KEYGATE_ADMIN_URL={}", served.admin_url()),
            "TERM=screen".to_owned(),
            "PS1=ready> ".to_owned(),
        ]);
        let started = start.args(["sh"]).current_dir(&install.directory).output();
        let started = started.expect("tmux is there: run ./test, which installs it");
        assert!(started.status.success(), "{started:?}");
        screen.shows("ready> ");
        screen
    }

    fn tmux(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("tmux");
        command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("LC_ALL", "C.UTF-8").env("TERM", "screen");
        command.arg("-S").arg(self.socket.path().join("tmux")).args(arguments);
        command
    }

    /// Types the text and Enter.
    #[track_caller]
    fn types(&self, text: &str) {
        let typed = self.tmux(&["send-keys", "-l", text]).status().expect("tmux");
        assert!(typed.success());
        self.presses("Enter");
    }

    #[track_caller]
    fn presses(&self, key: &str) {
        assert!(self.tmux(&["send-keys", key]).status().expect("tmux").success());
    }

    fn text(&self) -> String {
        let shown = self.tmux(&["capture-pane", "-p", "-S", "-200"]).output().expect("tmux");
        String::from_utf8_lossy(&shown.stdout).into_owned()
    }

    /// All that was shown, once this is at its end.
    #[track_caller]
    fn shows(&self, end: &str) -> String {
        eventually(end, || Some(self.text()).filter(|text| text.trim_end().ends_with(end.trim_end())))
    }

    /// Empties it.
    fn clear(&self) {
        self.types("clear");
        eventually("an empty screen", || {
            assert!(self.tmux(&["clear-history"]).status().expect("tmux").success());
            (self.text().trim_end() == "ready>").then_some(())
        });
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _ = self.tmux(&["kill-server"]).status();
    }
}

const PASSWORD: &str = "correct horse battery";

fn stage() -> (Install, Served) {
    let install = Install::new("http://127.0.0.1:1");
    let served = install.run();
    std::fs::create_dir(install.path("home")).expect("a directory");
    std::fs::write(install.path("password"), format!("{PASSWORD}\n")).expect("a file");
    let create = ["user", "create", "ada@example.org", "--role", "owner", "--password-file", "password"];
    done(&mut install.managed(&served, &create)).ok();
    (install, served)
}

#[test]
fn slow_a_person_logs_in_works_and_logs_out_and_nobody_sees_the_password() {
    let (install, served) = stage();
    let screen = Screen::new(&install, &served, 100);
    screen.types("keygate login");
    screen.shows("Login: ");
    screen.types("ada@example.org");
    screen.shows("Password: ");
    screen.types("wrong password");
    let refused = screen.shows("ready> ");
    assert!(refused.contains("error: ") && !refused.contains("wrong password"), "{refused}");
    screen.types("keygate login ada@example.org");
    screen.shows("Password: ");
    screen.types(PASSWORD);
    let text = eventually("a login", || Some(screen.text()).filter(|text| text.contains("logged in as")));
    assert!(!text.contains(PASSWORD) && !text.contains("kg_ses_"), "{text}");
    let session = install.path("home/.config/keygate/session.json");
    let mode = |path: &std::path::Path| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!((mode(&session), mode(session.parent().expect("a place"))), (0o600, 0o700));
    screen.clear();
    screen.types("keygate whoami --field token.kind; keygate session list --field id | wc -l");
    let shown = screen.shows("1\nready> ");
    assert!(shown.contains("\nsession\n1\nready"), "{shown}");
    screen.types("keygate logout");
    eventually("a logout", || screen.text().contains("is logged out of").then_some(()));
    assert!(!session.exists());
}

#[test]
fn slow_an_interrupted_question_leaves_the_terminal_as_it_was() {
    let (install, served) = stage();
    let screen = Screen::new(&install, &served, 100);
    screen.types("keygate login ada@example.org; echo code=$?");
    screen.shows("Password: ");
    screen.presses("C-c");
    eventually("its end", || screen.text().contains("code=130").then_some(()));
    screen.types("echo it is shown again");
    eventually("an echo", || (screen.text().matches("it is shown again").count() == 2).then_some(()));
}

#[test]
fn slow_what_is_final_is_confirmed_by_its_name() {
    let (install, served) = stage();
    let made = done(&mut install.managed(&served, &["token", "create", "nightly", "--read", "-o", "json"])).json();
    let id = made["id"].as_str().expect("an id");
    let screen = Screen::new(&install, &served, 160);
    screen.types("keygate login ada@example.org --password-file password");
    eventually("a login", || screen.text().contains("logged in as").then_some(()));
    for (answer, state) in [("yes", "active"), ("nightly", "revoked")] {
        screen.clear();
        screen.types(&format!("keygate token revoke {id}"));
        screen.shows("Type its name or its id to go on: ");
        screen.types(answer);
        screen.shows("ready> ");
        let shown = done(&mut install.managed(&served, &["token", "show", id, "--field", "state"])).ok();
        assert_eq!(shown.trim(), state, "after {answer}");
    }
}

#[test]
fn slow_tables_fit_terminals_of_80_and_200_columns() {
    let (install, served) = stage();
    let ids: Vec<String> = (0..3)
        .map(|number| {
            let name = format!("a token with quite a long name, number {number}");
            let made = ["token", "create", &name, "--grant", "devices=read+write", "--expires", "90d"];
            done(&mut install.managed(&served, &made)).ok();
            name
        })
        .collect();
    for columns in [80, 200] {
        let screen = Screen::new(&install, &served, columns);
        screen.types("keygate login ada@example.org --password-file password >/dev/null; clear; keygate token list");
        let text = screen.shows("ready> ");
        let text = if text.contains("STATE") {
            text
        } else {
            eventually("a table", || {
                Some(screen.text()).filter(|t| t.contains("STATE") && t.trim_end().ends_with("ready>"))
            })
        };
        let table: Vec<&str> = text
            .lines()
            .skip_while(|line| !line.starts_with("ID"))
            .take_while(|line| !line.starts_with("ready"))
            .collect();
        // One line each: the three, the first administrator's and the session.
        assert_eq!(table.len(), 6, "{text}");
        assert!(table.iter().all(|line| line.chars().count() <= usize::from(columns)), "{text}");
        assert!(table[1..].iter().all(|line| line.starts_with("tok_") && line.contains("active")), "{text}");
        let is_whole = ids.iter().all(|name| text.contains(name.as_str()));
        assert_eq!(is_whole, columns == 200, "{text}");
        assert_eq!(text.contains('…'), columns == 80, "{text}");
    }
}

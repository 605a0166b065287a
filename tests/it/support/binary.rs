//! The `keygate` program as a person installs it: `init` in a directory of its own, `run`, and the other
//! commands beside it. Whatever was started ends with its value.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;

use super::gateway::Admin;
use super::wait::{DEADLINE, eventually, eventually_within};
use super::watch;

/// How long a start may take, under a program too that watches each of its steps.
const START: Duration = Duration::from_secs(120);

/// What `keygate init` made.
pub struct Install {
    pub directory: TempDir,
    /// The text of the first administrator's token.
    pub admin_token: String,
}

/// One finished command.
#[derive(Debug)]
pub struct Done {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A process that goes on until it is told to stop.
pub struct Running {
    child: Child,
    out: Lines,
    err: Lines,
}

/// `keygate run`, serving.
pub struct Served {
    pub process: Running,
    pub proxy: SocketAddr,
    pub admin: Admin,
}

/// What a stream said so far.
type Lines = Arc<Mutex<Vec<String>>>;

/// The program under test, with an environment that is the same on each machine.
pub fn keygate() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_keygate"));
    command.env_clear().stdin(Stdio::null());
    command
}

/// Runs it to its end.
#[track_caller]
pub fn done(command: &mut Command) -> Done {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    let code = output.status.code().unwrap_or_else(|| panic!("{command:?} ended by a signal: {output:?}"));
    Done { code, out: text(output.stdout), err: text(output.stderr) }
}

impl Done {
    /// Standard output of a command that did what it was asked.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }

    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.ok();
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
    }

    #[track_caller]
    pub fn refused(self, code: i32, texts: &[&str]) {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.out, "", "{self:?}");
        texts.iter().for_each(|text| assert!(self.err.contains(text), "no {text:?} in {self:?}"));
    }
}

impl Install {
    /// `keygate init` in front of `upstream`, with free ports.
    #[track_caller]
    pub fn new(upstream: &str) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut init = keygate();
        init.current_dir(&directory).args(["init", "-o", "json", "--upstream", upstream]);
        let made = done(init.args(["--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"])).json();
        let admin_token = made["token"].as_str().expect("a token").to_owned();
        Self { directory, admin_token }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The configuration in other words.
    #[track_caller]
    pub fn configure(&self, edit: impl FnOnce(String) -> String) {
        let path = self.path("keygate.toml");
        let before = std::fs::read_to_string(&path).expect("a configuration");
        let after = edit(before.clone());
        assert_ne!(before, after, "the edit changes something");
        std::fs::write(&path, after).expect("a writable file");
    }

    /// Any command, in the installation's directory.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = keygate();
        command.current_dir(&self.directory).args(arguments);
        command
    }

    /// The gateway, once it serves.
    #[track_caller]
    pub fn run(&self) -> Served {
        self.run_with(&[])
    }

    #[track_caller]
    pub fn run_with(&self, environment: &[(&str, &str)]) -> Served {
        let mut command = self.command(&["run"]);
        self.served(command.envs(environment.iter().copied()))
    }

    /// The gateway as the child of another program, which finds its arguments behind its own.
    #[track_caller]
    pub fn run_under(&self, wrapper: &[&str]) -> Served {
        let mut command = Command::new(wrapper[0]);
        command.env_clear().stdin(Stdio::null()).current_dir(&self.directory);
        command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
        self.served(command.args(&wrapper[1..]).args([env!("CARGO_BIN_EXE_keygate"), "run"]))
    }

    #[track_caller]
    fn served(&self, command: &mut Command) -> Served {
        watch::note(self.admin_token.as_bytes());
        // All that it would ever say.
        command.env("KEYGATE__LOG__LEVEL", "trace");
        let mut process = Running::start_read_by(command, |line| watch::look_at("a gateway's output", line.as_bytes()));
        let serving = process.event_within(START, "serving");
        let address = |name: &str| {
            let url = serving[name].as_str().unwrap_or_else(|| panic!("no {name} in {serving}"));
            super::gateway::of_url(url)
        };
        let admin = Admin { address: address("admin"), token: self.admin_token.clone() };
        Served { proxy: address("proxy"), admin, process }
    }

    /// A command against the running gateway's admin API, with the first administrator's token.
    pub fn managed(&self, served: &Served, arguments: &[&str]) -> Command {
        let mut command = self.command(arguments);
        command.env("KEYGATE_ADMIN_URL", served.admin_url()).env("KEYGATE_ADMIN_TOKEN", &self.admin_token);
        command
    }
}

impl Served {
    pub fn admin_url(&self) -> String {
        format!("http://{}", self.admin.address)
    }

    pub fn proxy_url(&self) -> String {
        format!("http://{}", self.proxy)
    }
}

impl Running {
    #[track_caller]
    pub fn start(command: &mut Command) -> Self {
        Self::start_read_by(command, |_| {})
    }

    /// Each line of both streams is looked at as it comes.
    #[track_caller]
    fn start_read_by(command: &mut Command, look_at: fn(&str)) -> Self {
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = spawned.unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let out = lines(child.stdout.take().expect("it is piped"), look_at);
        let err = lines(child.stderr.take().expect("it is piped"), look_at);
        Self { child, out, err }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn out(&self) -> String {
        self.out.lock().expect("no panic holds it").concat()
    }

    pub fn err(&self) -> String {
        self.err.lock().expect("no panic holds it").concat()
    }

    /// The log's line with this event, once it is there; fails when the process ends before.
    #[track_caller]
    pub fn event(&mut self, name: &str) -> Value {
        self.event_within(DEADLINE, name)
    }

    #[track_caller]
    fn event_within(&mut self, deadline: Duration, name: &str) -> Value {
        eventually_within(deadline, name, || {
            let ended = self.child.try_wait().expect("our own child");
            let found = self
                .err()
                .lines()
                .find_map(|line| serde_json::from_str(line).ok().filter(|event: &Value| event["event"] == name));
            assert!(found.is_some() || ended.is_none(), "it ended with {ended:?}: {}{}", self.out(), self.err());
            found
        })
    }

    /// The first line on standard output, once it is there.
    #[track_caller]
    pub fn first_line(&self) -> String {
        eventually("a line", || self.out.lock().expect("no panic holds it").first().cloned())
    }

    /// Sends a signal by its name.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args(["-s", name, &self.id().to_string()]).status();
        assert!(sent.is_ok_and(|status| status.success()), "SIG{name} was not sent");
    }

    /// Ends it as a power cut would.
    #[track_caller]
    pub fn kill(&mut self) {
        self.child.kill().expect("our own child");
        assert_eq!(self.child.wait().expect("our own child").signal(), Some(9), "{}", self.err());
    }

    /// How it ended.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let status = eventually("the end of the process", || self.child.try_wait().expect("our own child"));
        // Both streams are at their ends then, but their readers may not have come so far.
        eventually("the end of its output", || (Arc::strong_count(&self.out) == 1).then_some(()));
        eventually("the end of its log", || (Arc::strong_count(&self.err) == 1).then_some(()));
        status
    }

    /// Tells it to stop and waits: the exit code.
    #[track_caller]
    pub fn stop(&mut self, signal: &str) -> Option<i32> {
        self.signal(signal);
        self.ended().code()
    }
}

impl Running {
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("our own child").is_some()
    }

    /// For servers with children, which would outlive a kill. Never panics: it runs while a test fails.
    pub fn ask_to_end(&mut self) {
        let _ = Command::new("kill").arg(self.id().to_string()).status();
        for _ in 0..100 {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("--- what the process said\n{}{}---", self.out(), self.err());
        } else {
            watch::assert_nothing_told();
        }
    }
}

fn lines(stream: impl Read + Send + 'static, look_at: fn(&str)) -> Lines {
    let lines = Lines::default();
    let into = Arc::clone(&lines);
    thread::spawn(move || {
        let mut stream = BufReader::new(stream);
        let mut line = String::new();
        while stream.read_line(&mut line).is_ok_and(|read| read > 0) {
            look_at(&line);
            into.lock().expect("no panic holds it").push(std::mem::take(&mut line));
        }
    });
    lines
}

/// The test's own environment, for what ./test hands over.
pub fn handed_over(name: &str) -> String {
    variable(name).unwrap_or_else(|| panic!("{name} is not set: run ./test, or set it as ./test does"))
}

/// The same, for what need not be there.
#[expect(clippy::disallowed_methods, reason = "the home of this for tests")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Every file below a directory with its contents, for "nothing was changed".
pub fn contents(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).expect("a readable file"));
        }
    }
    found
}

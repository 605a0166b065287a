//! The program itself, in a process of its own, with all that it writes.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use keygate::app::{self, Bootstrap};
use keygate::config;
use keygate::model::Clock;
use serde_json::Value;

use super::gateway::{Admin, Builder};
use super::wait::eventually;
use super::watch;

/// `keygate run`, which serves.
pub struct Program {
    child: Child,
    pub proxy: SocketAddr,
    pub admin: Admin,
    stdout: Output,
    stderr: Output,
    /// Holds the directory.
    builder: Builder,
}

/// What the program wrote until its end.
pub struct Written {
    /// The lines of standard output: the access log.
    pub log: Vec<String>,
    /// All of standard error.
    pub messages: Vec<String>,
    /// Holds the directory, with what it left there.
    pub builder: Builder,
}

struct Output {
    lines: Arc<Mutex<Vec<String>>>,
    reader: JoinHandle<()>,
}

impl Program {
    /// Runs what `builder` says, with the access log on standard output and every message that there is.
    #[track_caller]
    pub fn start(builder: Builder) -> Self {
        Self::start_with(builder, &[])
    }

    #[track_caller]
    pub fn start_with(builder: Builder, environment: &[(&str, &str)]) -> Self {
        let mut program = Command::new(env!("CARGO_BIN_EXE_keygate"));
        program.envs(environment.iter().copied());
        Self::start_as(builder, program)
    }

    /// With limits that `ulimit` is told, such as `-S -n 256`.
    #[track_caller]
    pub fn start_limited(builder: Builder, limits: &[&str]) -> Self {
        let set: String = limits.iter().map(|limit| format!("ulimit {limit} && ")).collect();
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{set}exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_keygate")]);
        Self::start_as(builder, shell)
    }

    #[track_caller]
    fn start_as(builder: Builder, mut program: Command) -> Self {
        let directory = builder.directory();
        let (pepper, path) = (directory.join("pepper"), directory.join("keygate.toml"));
        std::fs::write(&pepper, "a pepper for tests, which is long enough to be one").expect("a writable directory");
        std::fs::set_permissions(&pepper, std::fs::Permissions::from_mode(0o600)).expect("our own file");
        let text =
            builder.text().replace("access = \"off\"\nlevel = \"warn\"", "access = \"stdout\"\nlevel = \"trace\"");
        std::fs::write(&path, text).expect("a writable directory");
        let loaded = config::load(&path, &Default::default()).unwrap_or_else(|problems| panic!("{problems}"));
        let first = match app::bootstrap(&loaded.settings, &Clock::system()).unwrap_or_else(|error| panic!("{error}")) {
            Bootstrap::Created(first) => first.text.expose().to_owned(),
            Bootstrap::Exists => panic!("the store is new"),
        };
        watch::note(first.as_bytes());
        let program =
            program.args(["run", "--config"]).arg(&path).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let mut child = program.expect("the program was built with the tests");
        let stdout = Output::of(child.stdout.take().expect("piped"));
        let stderr = Output::of(child.stderr.take().expect("piped"));
        let serving = eventually("the program serves", || {
            let ended = child.try_wait().expect("our own child");
            assert!(ended.is_none(), "{ended:?}: {:?}", stderr.lines());
            let lines = stderr.lines().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
            lines.into_iter().find(|line| line["event"] == "serving")
        });
        let address = |name: &str| {
            let url = serving[name].as_str().unwrap_or_else(|| panic!("no {name} in {serving}"));
            super::gateway::of_url(url)
        };
        let admin = Admin { address: address("admin"), token: first };
        Self { child, proxy: address("proxy"), admin, stdout, stderr, builder }
    }

    /// Ends it as a service manager does.
    #[track_caller]
    pub fn terminate(self) -> Written {
        self.signal("TERM");
        self.wait()
    }

    /// `TERM` or `INT`.
    #[track_caller]
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(sent.expect("kill is everywhere").success());
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The resident memory, in kB.
    pub fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line");
        line.trim().trim_end_matches(" kB").parse().expect("a number")
    }

    /// Waits for its end, which must be one in order.
    #[track_caller]
    pub fn wait(mut self) -> Written {
        let status = self.child.wait().expect("our own child");
        let stdout = std::mem::replace(&mut self.stdout, Output::none());
        let stderr = std::mem::replace(&mut self.stderr, Output::none());
        let (log, messages) = (stdout.into_lines(), stderr.into_lines());
        assert!(status.success(), "{status}: {messages:?}");
        watch::assert_nothing_told();
        let builder = std::mem::replace(&mut self.builder, Builder::new("http://127.0.0.1:1"));
        Written { log, messages, builder }
    }
}

impl Drop for Program {
    /// For a test that failed before it came to an end.
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Output {
    fn of(stream: impl Read + Send + 'static) -> Self {
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let sink = Arc::clone(&lines);
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stream).lines() {
                let line = line.expect("UTF-8");
                watch::look_at("a gateway's output", line.as_bytes());
                sink.lock().expect("no panic holds it").push(line);
            }
        });
        Self { lines, reader }
    }

    fn none() -> Self {
        Self::of(std::io::empty())
    }

    fn lines(&self) -> Vec<String> {
        self.lines.lock().expect("no panic holds it").clone()
    }

    fn into_lines(self) -> Vec<String> {
        self.reader.join().expect("lines of UTF-8");
        std::mem::take(&mut *self.lines.lock().expect("no panic holds it"))
    }
}

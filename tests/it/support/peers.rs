//! Servers that nobody here wrote, started as their users start them, each on a free port.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::binary::{Running, handed_over};
use super::wait::eventually;

/// It ends its own children when it is asked to end.
pub struct Peer {
    pub process: Running,
    /// Host and port.
    pub address: String,
}

/// `tests/clients`, where their programs are.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// Python's environment that ./test makes.
#[track_caller]
pub fn venv() -> PathBuf {
    PathBuf::from(handed_over("KEYGATE_TEST_VENV"))
}

impl Peer {
    /// httpbin, under gunicorn.
    #[track_caller]
    pub fn httpbin() -> Self {
        let mut gunicorn = Command::new(venv().join("bin/gunicorn"));
        gunicorn.args(["--worker-class", "gthread", "--threads", "16", "--no-control-socket", "--bind", "127.0.0.1:0"]);
        Self::start("gunicorn", gunicorn.arg("upload_app:app"))
    }

    /// A script for Python's own server.
    #[track_caller]
    pub fn python(script: &str) -> Self {
        Self::start("Python", Command::new(venv().join("bin/python")).arg(script))
    }

    /// A script for Node.
    #[track_caller]
    pub fn node(script: &str) -> Self {
        let version = Command::new("node").arg("--version").stdout(Stdio::null()).status();
        assert!(
            version.is_ok_and(|status| status.success()),
            "`node` is not there or does not run: run ./test, which installs it, or install Debian's nodejs"
        );
        Self::start("Node", Command::new("node").arg(script))
    }

    /// Until it says where it listens.
    #[track_caller]
    fn start(name: &str, command: &mut Command) -> Self {
        let mut process = Running::start(command.current_dir(scripts()).env("PYTHONDONTWRITEBYTECODE", "1"));
        let address = eventually(name, || {
            let said = process.out() + &process.err();
            let address = said.split("Listening at: http://").nth(1).and_then(|rest| rest.split_whitespace().next());
            assert!(address.is_some() || !process.has_ended(), "{name} ended: {said}");
            address.map(str::to_owned)
        });
        Self { process, address }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.process.ask_to_end();
    }
}

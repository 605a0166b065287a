//! Servers that nobody here wrote, started as their users start them, each on a free port.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
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

    /// The same on a Unix socket.
    #[track_caller]
    pub fn httpbin_on(socket: &Path) -> Self {
        let mut gunicorn = Command::new(venv().join("bin/gunicorn"));
        gunicorn.args(["--worker-class", "gthread", "--threads", "4", "--no-control-socket", "--bind"]);
        gunicorn.arg(format!("unix:{}", socket.display())).arg("upload_app:app");
        let process = Running::start(gunicorn.current_dir(scripts()).env("PYTHONDONTWRITEBYTECODE", "1"));
        let mut peer = Self { process, address: format!("unix:{}", socket.display()) };
        eventually("gunicorn listens", || {
            assert!(!peer.process.has_ended(), "{}", peer.process.err());
            std::os::unix::net::UnixStream::connect(socket).ok()
        });
        peer
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

    /// nginx with a configuration of `tests/clients`. It takes no port 0, so one is looked for; who else takes
    /// it meanwhile makes it try again.
    #[track_caller]
    pub fn nginx(template: &str, directory: &Path) -> Self {
        // Its worker is another user where root starts it.
        std::fs::set_permissions(directory, Permissions::from_mode(0o755)).expect("our own directory");
        let program = handed_over("KEYGATE_TEST_NGINX");
        let directory = directory.to_str().expect("UTF-8");
        let template = std::fs::read_to_string(scripts().join(template)).expect("the configuration");
        let error_log = format!("{directory}/error.log");
        eventually("nginx", || {
            let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
            let text = template.replace("@DIR@", directory).replace("@PORT@", &port.to_string());
            let path = format!("{directory}/nginx.conf");
            std::fs::write(&path, text).expect("a writable directory");
            let process = Running::start(Command::new(&program).args(["-p", directory, "-e", &error_log, "-c", &path]));
            let mut peer = Self { process, address: format!("127.0.0.1:{port}") };
            eventually("nginx listens or gives up", || {
                (std::net::TcpStream::connect(&peer.address).is_ok() || peer.process.has_ended()).then_some(())
            });
            (!peer.process.has_ended()).then_some(peer)
        })
    }

    /// Until it says where it listens.
    #[track_caller]
    pub fn start(name: &str, command: &mut Command) -> Self {
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

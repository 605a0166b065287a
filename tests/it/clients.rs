//! In front of APIs that nobody here wrote: httpbin under gunicorn, and nginx, driven through the real
//! program by curl and by Python's requests. What is asked and expected is in `tests/clients/*.py`.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::support::binary::{Install, Running, done, handed_over};
use crate::support::eventually;

#[test]
fn slow_httpbin_behind_the_gateway() {
    let venv = PathBuf::from(handed_over("KEYGATE_TEST_VENV"));
    let mut gunicorn = Command::new(venv.join("bin/gunicorn"));
    gunicorn.current_dir(scripts()).env("PYTHONDONTWRITEBYTECODE", "1");
    gunicorn.args(["--worker-class", "gthread", "--threads", "16", "--no-control-socket", "--bind", "127.0.0.1:0"]);
    let upstream = Peer(Running::start(gunicorn.arg("upload_app:app")));
    let address = eventually("gunicorn", || {
        let log = upstream.0.err();
        log.split("Listening at: http://").nth(1)?.split(' ').next().map(str::to_owned)
    });
    drive("httpbin_client.py", &venv, &address);
}

#[test]
fn slow_nginx_behind_the_gateway() {
    let venv = PathBuf::from(handed_over("KEYGATE_TEST_VENV"));
    let site = TempDir::new().expect("a temporary directory");
    let mut make = Command::new(venv.join("bin/python"));
    done(make.current_dir(scripts()).args(["nginx_client.py", "--make-site"]).arg(site.path())).ok();
    let (_upstream, address) = nginx(&handed_over("KEYGATE_TEST_NGINX"), site.path());
    drive("nginx_client.py", &venv, &address);
}

fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients")
}

/// nginx takes no port 0, so one is looked for; who else takes it meanwhile makes it try again.
fn nginx(program: &str, site: &Path) -> (Peer, String) {
    let directory = site.to_str().expect("UTF-8");
    // Its worker is another user where root starts it.
    std::fs::set_permissions(site, std::os::unix::fs::PermissionsExt::from_mode(0o755)).expect("our own directory");
    let template = std::fs::read_to_string(scripts().join("nginx.conf.in")).expect("the configuration");
    let error_log = format!("{directory}/error.log");
    eventually("nginx", || {
        let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
        let text = template.replace("@DIR@", directory).replace("@PORT@", &port.to_string());
        let path = format!("{directory}/nginx.conf");
        std::fs::write(&path, text).expect("a writable directory");
        let mut peer =
            Peer(Running::start(Command::new(program).args(["-p", directory, "-e", &error_log, "-c", &path])));
        let address = format!("127.0.0.1:{port}");
        eventually("nginx listens or gives up", || {
            (std::net::TcpStream::connect(&address).is_ok() || peer.0.has_ended()).then_some(())
        });
        (!peer.0.has_ended()).then_some((peer, address))
    })
}

/// Runs a client's script against a gateway in front of `upstream`.
#[track_caller]
fn drive(script: &str, venv: &Path, upstream: &str) {
    let install = Install::new(&format!("http://{upstream}"));
    install.configure(|text| {
        let public = "[[route]]\npath = \"/basic-auth/{*rest}\"\npublic = true\nupstream = \"api\"\n";
        format!("{}\n{public}", text.replace("max_body = \"10MiB\"", "max_body = \"unlimited\""))
    });
    let mut served = install.run();
    let mut client = Command::new(venv.join("bin/python"));
    client.current_dir(scripts()).arg(script).env("PYTHONDONTWRITEBYTECODE", "1");
    client.args(["--base", &served.proxy_url(), "--gateway-pid", &served.process.id().to_string()]);
    for access in ["read", "write", "full"] {
        let token = served.admin.create(json!({"name": access, "grants": {"api": access}})).secret;
        client.args([format!("--token-{access}"), token]);
    }
    let ran = done(&mut client);
    assert_eq!(ran.code, 0, "{script}:\n{}{}", ran.out, ran.err);
    assert_eq!(served.process.stop("TERM"), Some(0));
}

/// A server that nobody here wrote; it ends its own children when it is asked to end.
struct Peer(Running);

impl Drop for Peer {
    fn drop(&mut self) {
        self.0.ask_to_end();
    }
}

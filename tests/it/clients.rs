//! In front of APIs that nobody here wrote: httpbin under gunicorn, and nginx, driven through the real
//! program by curl and by Python's requests. What is asked and expected is in `tests/clients/*.py`.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::json;
use tempfile::TempDir;

use crate::support::binary::{Install, Running, done, handed_over};
use crate::support::eventually;
use crate::support::peers::{Peer, scripts, venv};

#[test]
fn slow_httpbin_behind_the_gateway() {
    let upstream = Peer::httpbin();
    drive("httpbin_client.py", &upstream.address);
}

#[test]
fn slow_nginx_behind_the_gateway() {
    let site = TempDir::new().expect("a temporary directory");
    let mut make = Command::new(venv().join("bin/python"));
    done(make.current_dir(scripts()).args(["nginx_client.py", "--make-site"]).arg(site.path())).ok();
    let upstream = nginx(&handed_over("KEYGATE_TEST_NGINX"), site.path());
    drive("nginx_client.py", &upstream.address);
}

/// nginx takes no port 0, so one is looked for; who else takes it meanwhile makes it try again.
fn nginx(program: &str, site: &Path) -> Peer {
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
        let process = Running::start(Command::new(program).args(["-p", directory, "-e", &error_log, "-c", &path]));
        let mut peer = Peer { process, address: format!("127.0.0.1:{port}") };
        eventually("nginx listens or gives up", || {
            (std::net::TcpStream::connect(&peer.address).is_ok() || peer.process.has_ended()).then_some(())
        });
        (!peer.process.has_ended()).then_some(peer)
    })
}

/// Runs a client's script against a gateway in front of `upstream`.
#[track_caller]
fn drive(script: &str, upstream: &str) {
    let install = Install::new(&format!("http://{upstream}"));
    install.configure(|text| {
        let public = "[[route]]\npath = \"/basic-auth/{*rest}\"\npublic = true\nupstream = \"api\"\n";
        format!("{}\n{public}", text.replace("max_body = \"10MiB\"", "max_body = \"unlimited\""))
    });
    let mut served = install.run();
    let mut client = Command::new(venv().join("bin/python"));
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

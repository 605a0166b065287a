//! The program with both listeners on Unix sockets, spoken to by its own commands and by curl.

use std::path::Path;
use std::process::Command;

use crate::support::Upstream;
use crate::support::binary::{Install, done};

fn install() -> (Install, Upstream) {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    install.configure(|text| {
        let text = text.replacen("\"127.0.0.1:0\"", "\"unix:public.sock\"", 1);
        text.replacen("\"127.0.0.1:0\"", "\"unix:admin.sock\"\nmode = \"0660\"", 1)
    });
    (install, upstream)
}

fn curl(socket: &Path, arguments: &[&str]) -> String {
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--max-time", "20", "--unix-socket"]).arg(socket).args(arguments);
    done(&mut curl).ok()
}

#[test]
fn commands_and_curl_go_through_the_sockets() {
    let (install, upstream) = install();
    let mut served = install.run();
    let (public, admin) = (install.path("public.sock"), install.path("admin.sock"));
    let url = format!("unix:{}", admin.display());
    let managed = |arguments: &[&str]| {
        let mut command = install.command(arguments);
        command.env("KEYGATE_ADMIN_URL", &url).env("KEYGATE_ADMIN_TOKEN", &install.admin_token);
        done(&mut command)
    };
    let made = managed(&["token", "create", "reader", "--read", "-o", "json"]).json();
    let token = made["token"].as_str().expect("a token").to_owned();
    assert!(managed(&["token", "list"]).ok().contains("reader"));
    let bearer = format!("Authorization: Bearer {token}");
    assert_eq!(curl(&public, &["-H", &bearer, "http://localhost/v1/x"]), "{\"ok\":true}");
    assert_eq!(upstream.last().count("x-forwarded-for"), 0);
    assert!(curl(&admin, &["http://localhost/readyz"]).contains("ready"));
    // A name that leads here is none of ours, over a socket as anywhere.
    assert!(curl(&admin, &["http://evil.example/v1/tokens"]).contains("other_host"));
    // The line that is told with a new token works as it is.
    let line = made["curl"].as_str().expect("a line").to_owned();
    let ran = done(Command::new("sh").args(["-c", &line]));
    assert!(ran.out.starts_with("HTTP/1.1 200"), "{line}: {ran:?}");
    assert_eq!(done(&mut install.command(&["healthcheck"])).code, 0, "it finds the socket in the configuration");
    let check = done(&mut install.command(&["check"])).ok();
    assert!(check.contains(&format!("unix:{}", public.display())), "{check}");
    let administrator = format!("Authorization: Bearer {}", install.admin_token);
    let entries = curl(&admin, &["-H", &administrator, "http://localhost/v1/audit"]);
    assert!(entries.contains("\"unix\""), "the audit log says whence it came: {entries}");
    assert_eq!(served.process.stop("TERM"), Some(0));
    assert!(!public.exists() && !admin.exists());
    managed(&["token", "list"]).refused(69, &["cannot reach unix:"]);
}

#[test]
fn a_socket_that_a_killed_gateway_left_is_replaced() {
    let (install, _upstream) = install();
    let mut served = install.run();
    served.process.kill();
    drop(served);
    let (public, admin) = (install.path("public.sock"), install.path("admin.sock"));
    assert!(public.exists() && admin.exists(), "a killed process removes nothing");
    let mut served = install.run();
    assert!(curl(&admin, &["http://localhost/readyz"]).contains("ready"));
    assert!(curl(&public, &["http://localhost/v1/x"]).contains("401"));
    assert_eq!(served.process.stop("INT"), Some(0));
    assert!(!public.exists() && !admin.exists());
}

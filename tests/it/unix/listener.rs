//! The public listener on a Unix socket.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use keygate::app;
use keygate::config;
use keygate::model::Clock;
use serde_json::Value;

use crate::support::program::Program;
use crate::support::{Builder, Gateway, Upstream, h2, wait};

const ADDRESS: &str = "unix:keygate.sock";

fn socket(directory: &Path) -> PathBuf {
    directory.join("keygate.sock")
}

/// Sends these bytes, and reads until the gateway closes.
fn send(path: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).expect("the gateway listens");
    stream.set_read_timeout(Some(wait::DEADLINE)).expect("a socket option");
    stream.write_all(bytes).expect("the gateway reads");
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        // What it had not read resets the connection.
        Err(error) if error.kind() != ErrorKind::ConnectionReset => panic!("the gateway closes: {error}"),
        Ok(_) | Err(_) => String::from_utf8(answer).expect("UTF-8"),
    }
}

fn get(path: &Path, target: &str, headers: &str) -> String {
    send(path, format!("GET {target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{headers}\r\n").as_bytes())
}

#[track_caller]
fn served(answer: &str) {
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[test]
fn a_client_is_served_like_any_other_and_no_address_is_made_up_for_it() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).listen(ADDRESS).forwarding("emit = \"both\"").start();
    let path = socket(gateway.directory.path());
    assert_eq!(std::fs::metadata(&path).expect("it is there").mode() & 0o777, 0o600);
    assert!(get(&path, "/v1/devices/7", "").starts_with("HTTP/1.1 401 "), "the token is asked for");
    let token = gateway.token("read");
    let told = "X-Forwarded-For: 192.0.2.1\r\nForwarded: for=192.0.2.1\r\nX-Forwarded-Proto: https\r\n";
    served(&get(&path, "/v1/devices/7", &format!("Authorization: Bearer {token}\r\n{told}")));
    let seen = upstream.last();
    assert_eq!(seen.count("x-forwarded-for"), 0, "{seen:?}");
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.header("x-forwarded-host"), Some("a"));
    assert_eq!(seen.header("forwarded"), Some("for=unknown;host=a;proto=http"));
    drop(gateway.stop());
    assert!(!path.exists(), "it is removed at the end");
}

#[test]
fn who_may_connect_is_believed_where_that_is_said() {
    let upstream = Upstream::start();
    let forwarding = "trusted_proxies = [\"unix\", \"10.0.0.0/8\"]\nemit = \"both\"";
    let gateway = Builder::new(&upstream.url()).listen(ADDRESS).forwarding(forwarding).start();
    let path = socket(gateway.directory.path());
    let told = "X-Forwarded-For: 6.6.6.6, 192.0.2.1, 10.0.0.7\r\nX-Forwarded-Proto: https\r\n";
    served(&get(&path, "/public/logo", told));
    let seen = upstream.last();
    assert_eq!(seen.header("x-forwarded-for"), Some("192.0.2.1, 10.0.0.7"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("https"));
    assert_eq!(seen.header("forwarded"), Some("for=192.0.2.1;host=a;proto=https, for=10.0.0.7"));
    served(&get(&path, "/public/logo", "X-Forwarded-Proto: https\r\n"));
    let seen = upstream.last();
    assert_eq!((seen.count("x-forwarded-for"), seen.header("x-forwarded-proto")), (0, Some("https")));
}

#[test]
fn a_balancer_may_announce_its_client() {
    let upstream = Upstream::start();
    let trusted = "trusted_proxies = [\"unix\"]";
    let builder = Builder::new(&upstream.url()).listen(ADDRESS).forwarding(trusted);
    let gateway = builder.public("proxy_protocol = \"required\"").start();
    let path = socket(gateway.directory.path());
    let request = "GET /public/logo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    served(&send(&path, format!("PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n{request}").as_bytes()));
    assert_eq!(upstream.last().header("x-forwarded-for"), Some("192.0.2.7"));
    served(&send(&path, format!("PROXY UNKNOWN\r\n{request}").as_bytes()));
    assert_eq!(upstream.last().count("x-forwarded-for"), 0);
    upstream.take_seen();
    assert_eq!(send(&path, request.as_bytes()), "", "closed without a word");
    assert!(upstream.seen().is_empty());
}

#[test]
fn all_workers_take_connections_of_the_one_socket() {
    let upstream = Upstream::start();
    let gateway =
        Builder::new(&upstream.url()).listen(ADDRESS).server_alone("workers = 4\npin_workers = false").start();
    let path = socket(gateway.directory.path());
    let mut open: Vec<_> = (0..100).map(|_| UnixStream::connect(&path).expect("the gateway listens")).collect();
    for stream in &mut open {
        stream.write_all(b"GET /public/logo HTTP/1.1\r\nHost: a\r\n\r\n").expect("the gateway reads");
        stream.set_read_timeout(Some(wait::DEADLINE)).expect("a socket option");
        let mut status = [0; 12];
        stream.read_exact(&mut status).expect("an answer");
        assert_eq!(&status, b"HTTP/1.1 200");
    }
    assert_eq!(upstream.seen().len(), 100);
}

#[tokio::test]
async fn http2_is_spoken_too() {
    let upstream = tokio::task::spawn_blocking(Upstream::start).await.expect("it starts");
    let gateway = h2::start(Builder::new(&upstream.url()).listen(ADDRESS)).await;
    let stream = tokio::net::UnixStream::connect(socket(gateway.directory.path())).await.expect("the gateway listens");
    let mut client = h2::over(stream).await;
    let answer = client.send_request(h2::get("/public/logo")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    drop(client);
    h2::end(gateway).await;
}

#[test]
fn the_log_names_no_address() {
    let upstream = Upstream::start();
    let builder = Builder::new(&upstream.url()).listen(ADDRESS).public("mode = \"0666\"");
    let path = socket(builder.directory());
    let program = Program::start(builder);
    assert_eq!(std::fs::metadata(&path).expect("it is there").mode() & 0o777, 0o666);
    served(&get(&path, "/public/logo", ""));
    let written = program.terminate();
    let line: Value = serde_json::from_str(&written.log[0]).expect("JSON");
    assert_eq!((line["client_ip"].as_str(), line["status"].as_u64()), (Some("unix"), Some(200)), "{line}");
    assert!(written.messages.iter().any(|line| line.contains(&format!("\"proxy\":\"unix:{}\"", path.display()))));
    assert!(!path.exists(), "it is removed at the end");
}

/// What a second start says.
fn start_again(gateway: &Gateway, address: &str) -> String {
    let other = Builder::new("http://127.0.0.1:1").listen(address);
    let pepper = other.directory().join("pepper");
    std::fs::write(&pepper, "a pepper for tests, which is long enough to be one").expect("a writable directory");
    std::fs::set_permissions(&pepper, std::fs::Permissions::from_mode(0o600)).expect("our own file");
    let config = other.directory().join("keygate.toml");
    std::fs::write(&config, other.text()).expect("a writable directory");
    let settings = config::load(&config, &Default::default()).unwrap_or_else(|problems| panic!("{problems}")).settings;
    let refused = app::Gateway::start(settings, Clock::system()).err().expect("the path is taken").to_string();
    served(&get(&socket(gateway.directory.path()), "/public/logo", ""));
    refused
}

#[test]
fn a_socket_that_somebody_listens_on_is_not_taken() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).listen(ADDRESS).start();
    let path = socket(gateway.directory.path());
    let refused = start_again(&gateway, &format!("unix:{}", path.display()));
    assert!(refused.contains("another process listens there"), "{refused}");
    let file = gateway.directory.path().join("notes.txt");
    std::fs::write(&file, "precious").expect("a writable directory");
    let refused = start_again(&gateway, &format!("unix:{}", file.display()));
    assert!(refused.contains("is no socket, and it is not deleted"), "{refused}");
    assert_eq!(std::fs::read_to_string(&file).expect("it is there"), "precious");
}

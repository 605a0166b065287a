//! An upstream on a Unix socket.

use std::io::Read;
use std::os::unix::net::UnixListener;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::peers::Peer;
use crate::support::{Builder, Wire, h2};
use crate::websocket::stage::{self, SWITCH};

/// A place for sockets, short enough.
fn place() -> TempDir {
    TempDir::new().expect("a temporary directory")
}

/// The next connection's first head, as it came, and then this answer.
fn answer_one(listener: UnixListener, answer: &'static str) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the gateway connects");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a request");
            head.push(byte[0]);
        }
        std::io::Write::write_all(&mut stream, answer.as_bytes()).expect("the gateway reads");
        String::from_utf8(head).expect("ASCII")
    })
}

#[test]
fn a_request_goes_there_with_the_clients_host_or_localhost() {
    for (lines, host) in [
        ("", "gateway.localhost"),
        ("host_header = \"upstream\"", "localhost"),
        ("host_header = \"app.example:81\"", "app.example:81"),
    ] {
        let place = place();
        let path = place.path().join("app.sock");
        let listener = UnixListener::bind(&path).expect("a free path");
        let upstream = answer_one(listener, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        let gateway = Builder::new(&format!("unix:{}", path.display())).upstream(lines).start();
        let answer = gateway.request("GET", "/public/logo", None);
        assert_eq!((answer.status, answer.text()), (200, "ok"));
        let head = upstream.join().expect("a request");
        assert!(head.starts_with("GET /public/logo HTTP/1.1\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nhost: {host}\r\n")), "{head}");
        assert!(head.contains("\r\nx-forwarded-for: 127.0.0.1\r\n"), "{head}");
    }
}

#[test]
fn one_that_is_away_is_502_and_one_that_comes_back_is_used() {
    let place = place();
    let path = place.path().join("app.sock");
    let gateway = Builder::new(&format!("unix:{}", path.display())).start();
    let expect_away = || {
        let answer = gateway.request("GET", "/public/logo", None);
        assert_eq!((answer.status, answer.json()["code"].as_str()), (502, Some("upstream_unreachable")), "{answer:?}");
    };
    expect_away();
    drop(UnixListener::bind(&path).expect("a free path"));
    expect_away();
    std::fs::remove_file(&path).expect("our own file");
    let upstream = answer_one(UnixListener::bind(&path).expect("a free path"), "HTTP/1.1 204 No Content\r\n\r\n");
    assert_eq!(gateway.request("GET", "/public/logo", None).status, 204);
    upstream.join().expect("a request");
}

#[tokio::test]
async fn http2_is_spoken_where_that_is_said() {
    let place = place();
    let path = place.path().join("app.sock");
    let listener = tokio::net::UnixListener::bind(&path).expect("a free path");
    let seen = Arc::new(Mutex::new(Vec::new()));
    let serving = Arc::clone(&seen);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("the gateway connects");
        h2::serve(stream, serving).await;
    });
    let builder = Builder::new(&format!("unix:{}", path.display())).upstream("http = \"2\"");
    let gateway = h2::start(builder).await;
    let mut client = h2::connect(gateway.proxy).await;
    let answer = client.send_request(h2::get("/public/logo")).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let uri = seen.lock().expect("no panic holds it").first().map(|head| head.uri.clone()).expect("a request");
    assert_eq!(uri, "http://gateway.localhost/public/logo");
    drop(client);
    h2::end(gateway).await;
}

#[test]
fn a_websocket_goes_there_too() {
    let place = place();
    let path = place.path().join("app.sock");
    let listener = UnixListener::bind(&path).expect("a free path");
    let upstream = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the gateway connects");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte).expect("a request");
            head.push(byte[0]);
        }
        std::io::Write::write_all(&mut stream, format!("{SWITCH}\r\n").as_bytes()).expect("the gateway reads");
        let mut message = [0; 11];
        stream.read_exact(&mut message).expect("a message");
        std::io::Write::write_all(&mut stream, &stage::frame(1, b"hello")).expect("the gateway reads");
        message
    });
    let gateway = Builder::new(&format!("unix:{}", path.display())).routes(stage::ROUTES).start();
    let mut client = Wire::connect(gateway.proxy);
    client.send(stage::asking("/open/7", ""));
    assert_eq!(client.read_head().status, 101);
    client.send(stage::masked(1, b"still"));
    assert_eq!(client.read_exactly(7), stage::frame(1, b"hello"));
    assert_eq!(upstream.join().expect("a message").to_vec(), stage::masked(1, b"still"));
    assert!(client.read_rest().is_empty(), "the upstream's end is the client's");
}

#[test]
fn slow_gunicorn_on_a_socket() {
    let place = place();
    let path = place.path().join("app.sock");
    let _gunicorn = Peer::httpbin_on(&path);
    let gateway = Builder::new(&format!("unix:{}", path.display()))
        .routes("[[route]]\npath = \"/{*rest}\"\nresource = \"api\"\nupstream = \"api\"\n")
        .start();
    let token = gateway.token("full");
    let answer = gateway.get("/get?x=1", &token);
    assert_eq!((answer.status, answer.json()["args"]["x"].as_str()), (200, Some("1")), "{answer:?}");
    let body = "y".repeat(300_000);
    let answer = crate::support::request(gateway.proxy, "POST", "/post", Some(&token), body.as_bytes());
    assert_eq!(answer.json()["data"].as_str().map(str::len), Some(300_000));
    let (answer, took) = crate::support::timed(|| gateway.get("/drip?numbytes=3&duration=1&delay=0", &token));
    assert_eq!((answer.status, answer.body.len()), (200, 3));
    assert!(took < Duration::from_secs(15), "{took:?}");
}

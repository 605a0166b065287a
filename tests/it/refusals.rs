//! Requests that two servers could read differently: refused, nothing sent, and the connection closed, so
//! that what follows on it is never taken for a request.

use crate::support::{Answer, Gateway, Origin, Wire};

struct Refused {
    status: u16,
    code: &'static str,
    head: Vec<u8>,
}

/// Sends each head with a second request behind it, and checks that neither has an effect.
#[track_caller]
fn check(rows: Vec<Refused>) {
    assert!(!rows.is_empty());
    let origin = Origin::start();
    let gateway = Gateway::start(&origin.url());
    let token = gateway.token("full");
    for Refused { status, code, head } in rows {
        let shown = String::from_utf8_lossy(&head).replace("<token>", "…");
        let head = replace(&head, b"<token>", token.as_bytes());
        let second = format!("GET /v1/devices/evil HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\r\n");
        let mut client = Wire::connect(gateway.proxy);
        client.send([&head, second.as_bytes()].concat());
        let answer: Answer = client.read_answer("GET");
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{shown:?}");
        assert_eq!(answer.header("connection"), Some("close"), "{shown:?}: {answer:?}");
        let rest = client.read_rest();
        assert!(rest.is_empty(), "{shown:?}: a second answer: {}", String::from_utf8_lossy(&rest));
        origin.expect_nobody(&shown);
    }
}

fn replace(text: &[u8], what: &[u8], with: &[u8]) -> Vec<u8> {
    match text.windows(what.len()).position(|window| window == what) {
        Some(at) => [&text[..at], with, &text[at + what.len()..]].concat(),
        None => text.to_vec(),
    }
}

/// A request with a token, on a line of its own and with these further header lines.
fn with(line: &str, headers: &[u8]) -> Vec<u8> {
    [line.as_bytes(), b" HTTP/1.1\r\nAuthorization: Bearer <token>\r\n", headers, b"\r\n"].concat()
}

fn headers(status: u16, code: &'static str, lines: &str) -> Refused {
    Refused { status, code, head: with("POST /v1/devices/7", format!("Host: a\r\n{lines}\r\n").as_bytes()) }
}

#[test]
fn there_is_one_way_to_tell_where_a_body_ends() {
    check(vec![
        headers(400, "bad_framing", "Content-Length: 00"),
        headers(400, "bad_framing", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
        headers(400, "bad_framing", "Transfer-Encoding: chunked, chunked"),
        headers(400, "bad_framing", "Transfer-Encoding: gzip, chunked"),
        headers(400, "bad_framing", "Transfer-Encoding: identity, chunked"),
        headers(400, "bad_framing", "Transfer-Encoding: ,chunked"),
        headers(400, "bad_header", "Content_Length: 6"),
        headers(400, "bad_header", "Transfer_Encoding: chunked"),
        headers(400, "bad_header", "transfer.encoding: chunked"),
    ]);
}

#[test]
fn connection_takes_away_nothing_that_matters() {
    let names = [
        "Authorization",
        "host",
        "Content-Length",
        "transfer-encoding",
        "cookie",
        "x-keygate-account",
        "X_Keygate_Token",
        "X-Forwarded-For",
        "x_forwarded_proto",
        "Forwarded",
        "x-real-ip",
        "x-request-id",
        "connection",
        "a b",
        "(",
    ];
    check(names.iter().map(|name| headers(400, "bad_header", &format!("Connection: close, {name}"))).collect());
}

#[test]
fn only_one_expectation_is_known() {
    check(
        ["y 100-continue", "200-ok", "100-continue, x", "", "100-continue\r\nExpect: x"]
            .iter()
            .map(|value| headers(417, "expectation_failed", &format!("Expect: {value}")))
            .collect(),
    );
}

#[test]
fn there_is_exactly_one_valid_host() {
    let lines: [(&str, &str); 12] = [
        ("bad_host", ""),
        ("bad_host", "Host:\r\n"),
        ("bad_host", "Host: a\r\nHost: a\r\n"),
        ("bad_host", "Host: a\r\nHost: b\r\n"),
        ("bad_host", "Host: a, b\r\n"),
        ("bad_host", "Host: a b\r\n"),
        ("bad_host", "Host: a/b\r\n"),
        ("bad_host", "Host: u@a\r\n"),
        ("bad_host", "Host: a:99999\r\n"),
        ("bad_host", "Host: a:b\r\n"),
        ("bad_host", "Host: [::1\r\n"),
        ("bad_host", "Host: a\\b\r\n"),
    ];
    check(
        lines
            .iter()
            .map(|(code, host)| Refused { status: 400, code, head: with("GET /v1/devices/7", host.as_bytes()) })
            .collect(),
    );
}

#[test]
fn a_target_names_the_same_host_or_none() {
    let rows = [
        ("bad_host", "GET http://evil/v1/devices/7"),
        ("bad_host", "GET http://u@a/v1/devices/7"),
        ("bad_target", "GET ftp://a/v1/devices/7"),
        ("bad_target", "GET file://a/v1/devices/7"),
        ("bad_target", "GET evil:80"),
        ("bad_target", "GET a"),
    ];
    check(rows.iter().map(|(code, line)| Refused { status: 400, code, head: with(line, b"Host: a\r\n") }).collect());
}

#[test]
fn a_path_has_one_reading() {
    let paths = [
        "/public/../v1/devices/7",
        "/public/%2e%2e/v1/devices/7",
        "/public/.%2E/v1",
        "/./v1/devices/7",
        "/v1/devices/..",
        "//v1/devices/7",
        "/v1//devices/7",
        "/v1/devices%2f7",
        "/v1/devices%5C7",
        "/v1/devices\\7",
        "/public/..;/v1/devices/7",
        "/v1/devices/7;x=y",
        "/v1/devices/%00",
        "/v1/devices/%0d%0aX:1",
        "/v1/devices/%",
        "/v1/devices/%z1",
        "/v1/devices/%4",
        "/v1/devices/%c0%af",
        "/v1/devices/%ff",
        "*",
    ];
    check(
        paths
            .iter()
            .map(|path| Refused { status: 400, code: "bad_path", head: with(&format!("GET {path}"), b"Host: a\r\n") })
            .collect(),
    );
}

/// What no reading of the headers shows any more is seen in the bytes.
#[test]
fn bytes_have_one_reading() {
    let post = |lines: &str| with("POST /v1/devices/7", format!("Host: a\r\n{lines}\r\n").as_bytes());
    let rows: Vec<(u16, &str, Vec<u8>)> = vec![
        (400, "bad_framing", post("Content-Length: 3, 3")),
        (400, "bad_framing", post("Content-Length: 3\r\nContent-Length: 3")),
        (400, "bad_framing", post("Content-Length: 3\r\nContent-Length: 4")),
        (400, "bad_framing", post("Content-Length: 3\r\nTransfer-Encoding: chunked")),
        (400, "bad_framing", post("Content-Length: +3")),
        (400, "bad_framing", post("Content-Length:")),
        (400, "bad_framing", post("Content-Length: 18446744073709551616")),
        (400, "bad_framing", post("Transfer-Encoding: chunked, gzip")),
        (501, "unknown_coding", post("Transfer-Encoding: xchunked")),
        (501, "unknown_coding", post("Transfer-Encoding: identity")),
        (400, "bad_header", post("Transfer-Encoding : chunked")),
        (400, "bad_framing", post("Transfer-Encoding: \x0bchunked")),
        (400, "bad_line", post(" Transfer-Encoding: chunked")),
        (400, "bad_line", post("X: 1\r\n folded")),
        (400, "bad_header", post("no colon")),
        (400, "bad_line", post("X: a\rb")),
        (400, "bad_line", b"GET /v1/devices/7 HTTP/1.1\nHost: a\nAuthorization: Bearer <token>\n\n".to_vec()),
        (400, "bad_line", b"\r\n\r\n\r\nGET /v1/devices/7 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        (400, "bad_request_line", b"GET /v1/devices/7 HTTP/1.2\r\nHost: a\r\n\r\n".to_vec()),
        (400, "bad_request_line", b"GET /v1/devices/7\r\n\r\n".to_vec()),
        (400, "bad_request_line", b"GET  /v1/devices/7 HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        (400, "bad_request_line", b"GET /v1/devices/7 http/1.1\r\nHost: a\r\n\r\n".to_vec()),
        (400, "bad_request_line", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n".to_vec()),
        (400, "bad_target", with("GET /v1/devices/7#x", b"Host: a\r\n")),
        (501, "connect_refused", with("CONNECT internal:22", b"Host: internal:22\r\n")),
    ];
    check(rows.into_iter().map(|(status, code, head)| Refused { status, code, head }).collect());
}

#[test]
fn options_of_the_server_are_those_of_the_gateway() {
    let origin = Origin::start();
    let gateway = Gateway::start(&origin.url());
    let mut client = Wire::connect(gateway.proxy);
    for _ in 0..2 {
        client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.read_answer("OPTIONS").status, 204);
    }
    origin.expect_nobody("OPTIONS *");
}

#[test]
fn too_much_of_a_head_is_refused() {
    let origin = Origin::start();
    let gateway = Gateway::start(&origin.url());
    let many: String = (0..101).map(|number| format!("X-{number}: 1\r\n")).collect();
    let large = format!("X-Large: {}\r\n", "x".repeat(70_000));
    let long = "/public/".to_owned() + &"x".repeat(70_000);
    for (target, lines, status, code) in [
        ("/public/7", many, 431, "head_too_large"),
        ("/public/7", large, 431, "head_too_large"),
        (long.as_str(), String::new(), 414, "target_too_long"),
    ] {
        let mut client = Wire::connect(gateway.proxy);
        client.try_send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n{lines}\r\n").as_bytes());
        let answer = client.read_answer("GET");
        assert_eq!((answer.status, answer.problem().as_str()), (status, code), "{answer:?}");
        client.read_rest();
        origin.expect_nobody("too many or too large headers");
    }
}

/// A body behind a refusal is never read as a request (CVE-2025-4366).
#[test]
fn the_body_of_a_refused_request_stays_a_body() {
    let origin = Origin::start();
    let gateway = Gateway::start(&origin.url());
    let inner = "GET /public/evil HTTP/1.1\r\nHost: a\r\n\r\n";
    for (line, more) in [
        ("POST /v1/devices/7", format!("Content-Length: {}\r\n\r\n{inner}", inner.len())),
        ("GET /v1/devices/7", format!("Content-Length: {}\r\n\r\n{inner}", inner.len())),
        ("POST /v1/devices/7", format!("Transfer-Encoding: chunked\r\n\r\n{:x}\r\n{inner}\r\n0\r\n\r\n", inner.len())),
    ] {
        let mut client = Wire::connect(gateway.proxy);
        client.send(format!("{line} HTTP/1.1\r\nHost: a\r\n{more}"));
        assert_eq!(client.read_answer("POST").status, 401);
        client.finish_sending();
        let rest = client.read_rest();
        assert!(rest.is_empty(), "{line}: {}", String::from_utf8_lossy(&rest));
        origin.expect_nobody(line);
    }
}

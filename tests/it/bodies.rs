//! Bodies in both directions: whole, in order, as they come, and never more of them held than fits.

use std::time::Duration;

use crate::support::{Builder, Gateway, Origin, Wire, eventually, pattern, timed};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn setup() -> (Origin, Gateway) {
    let origin = Origin::start();
    let routes = "[[route]]\npath = \"/public/{*rest}\"\npublic = true\nupstream = \"api\"\nmax_body = \"unlimited\"\n";
    let gateway = Builder::new(&origin.url()).routes(routes).start();
    (origin, gateway)
}

#[test]
fn a_chunk_of_a_request_arrives_while_the_client_holds_the_next() {
    let (origin, gateway) = setup();
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Transfer-Encoding", "chunked")]);
    client.send_chunk(b"first");
    let mut upstream = origin.accept();
    let head = upstream.read_request();
    assert_eq!((head.header("transfer-encoding"), head.count("content-length")), (Some("chunked"), 0));
    assert_eq!(upstream.read_chunk().as_deref(), Some(&b"first"[..]));
    client.send_chunk(b"second");
    assert_eq!(upstream.read_chunk().as_deref(), Some(&b"second"[..]));
    client.send("0\r\n\r\n");
    assert_eq!(upstream.read_chunk(), None);
    assert_eq!(upstream.read_line().as_deref(), Some(""));
    upstream.send(OK);
    assert_eq!(client.read_answer("POST").body, b"ok");
}

#[test]
fn a_body_of_known_length_arrives_as_it_comes() {
    let (origin, gateway) = setup();
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("PUT /public/7", &[("Content-Length", "11")]);
    client.send("first");
    let mut upstream = origin.accept();
    let head = upstream.read_request();
    assert_eq!((head.header("content-length"), head.count("transfer-encoding")), (Some("11"), 0));
    assert_eq!(upstream.read_exactly(5), b"first");
    client.send("second");
    assert_eq!(upstream.read_exactly(6), b"second");
    upstream.send(OK);
    assert_eq!(client.read_answer("PUT").body, b"ok");
}

#[test]
fn a_piece_of_a_response_arrives_while_the_upstream_holds_the_next() {
    let (origin, gateway) = setup();
    for (framing, pieces) in [
        ("Transfer-Encoding: chunked", ["5\r\nfirst\r\n", "6\r\nsecond\r\n", "0\r\n\r\n"]),
        ("Content-Length: 11", ["first", "second", ""]),
    ] {
        let mut client = Wire::connect(gateway.proxy);
        client.send_head("GET /public/7", &[]);
        let mut upstream = origin.accept();
        upstream.read_request();
        upstream.send(format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{framing}\r\n\r\n"));
        let chunked = client.read_head().header("transfer-encoding").is_some();
        for (piece, text) in pieces.iter().zip(["first", "second"]) {
            upstream.send(piece);
            let got = if chunked { client.read_chunk().expect("a chunk") } else { client.read_exactly(text.len()) };
            assert_eq!(got, text.as_bytes(), "{framing}");
        }
        upstream.send(pieces[2]);
        assert!(!chunked || client.read_chunk().is_none());
    }
}

#[test]
fn responses_without_a_body_end_where_their_head_ends() {
    let (origin, gateway) = setup();
    let mut client = Wire::connect(gateway.proxy);
    let mut upstream: Option<Wire> = None;
    for (method, head, length) in [
        ("HEAD", "200 OK\r\nContent-Length: 12345", Some("12345")),
        ("HEAD", "200 OK\r\nTransfer-Encoding: chunked", None),
        ("GET", "204 No Content", None),
        ("GET", "304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 99", None),
        ("GET", "304 Not Modified\r\nETag: \"x\"", None),
        ("GET", "205 Reset Content\r\nContent-Length: 0", Some("0")),
        ("GET", "200 OK\r\nContent-Length: 0", Some("0")),
        ("GET", "103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0", Some("0")),
    ] {
        client.send_head(&format!("{method} /public/7"), &[]);
        let upstream = upstream.get_or_insert_with(|| origin.accept());
        assert!(upstream.read_request().line.starts_with(method), "{head}");
        upstream.send(format!("HTTP/1.1 {head}\r\n\r\n"));
        let answer = client.read_answer(method);
        let status = head.rsplit("HTTP/1.1 ").next().expect("a head").split(' ').next();
        assert_eq!(Some(answer.status.to_string().as_str()), status, "{method} {head}");
        assert_eq!(answer.header("content-length"), length, "{method} {head}: {answer:?}");
        assert!(answer.body.is_empty());
        assert!(client.is_silent_for(Duration::from_millis(30)), "{method} {head}: more bytes followed");
    }
}

fn limited(origin: &Origin) -> Gateway {
    let routes = "[[route]]\npath = \"/public/{*rest}\"\npublic = true\nupstream = \"api\"\nmax_body = 1000\n\
                  [[route]]\npath = \"/v1/devices/{*rest}\"\nresource = \"devices\"\nupstream = \"api\"\n";
    Builder::new(&origin.url()).routes(routes).start()
}

#[test]
fn a_body_that_is_announced_too_large_is_refused_at_once() {
    let origin = Origin::start();
    let gateway = limited(&origin);
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Content-Length", "1001")]);
    let answer = client.read_answer("POST");
    assert_eq!((answer.status, answer.problem().as_str()), (413, "body_too_large"));
    origin.expect_nobody("a body of 1001 bytes was announced");

    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Content-Length", "1000")]);
    client.send(pattern(0, 1000));
    let mut upstream = origin.accept();
    upstream.read_request();
    assert_eq!(upstream.read_exactly(1000), pattern(0, 1000));
    upstream.send(OK);
    assert_eq!(client.read_answer("POST").status, 200, "exactly the limit is allowed");
}

#[test]
fn a_body_that_grows_too_large_never_looks_complete() {
    let origin = Origin::start();
    let gateway = limited(&origin);
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Transfer-Encoding", "chunked")]);
    client.send_chunk(&pattern(0, 900));
    let mut upstream = origin.accept();
    upstream.read_request();
    assert_eq!(upstream.read_chunk(), Some(pattern(0, 900)));
    client.send_chunk(&pattern(900, 200));
    client.try_send(b"0\r\n\r\n");
    let answer = client.read_answer("POST");
    assert_eq!((answer.status, answer.problem().as_str()), (413, "body_too_large"));
    let rest = upstream.read_rest();
    assert!(!rest.windows(5).any(|window| window == b"0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&rest));
}

/// A client that sends all before it reads anything must still be able to read why it was refused.
#[test]
fn a_refusal_reaches_a_client_that_is_still_sending() {
    let origin = Origin::start();
    let gateway = limited(&origin);
    for (target, status) in [("/public/7", 413), ("/v1/devices/7", 401)] {
        for _ in 0..5 {
            let mut client = Wire::connect(gateway.proxy);
            client.send_head(&format!("POST {target}"), &[("Content-Length", &(8 << 20).to_string())]);
            client.try_send(&vec![0; 8 << 20]);
            assert_eq!(client.read_answer("POST").status, status);
        }
    }
    origin.expect_nobody("refused uploads");
}

#[test]
fn an_upload_is_asked_for_when_it_is_allowed_and_not_before() {
    let origin = Origin::start();
    let gateway = Gateway::start(&origin.url());
    let (read, full) = (gateway.token("read"), gateway.token("full"));
    let expect = ("Expect", "100-continue");
    let length = ("Content-Length", "5");
    for (credential, status) in [(None, 401), (Some(format!("Bearer {read}")), 403)] {
        let mut client = Wire::connect(gateway.proxy);
        let mut headers = vec![expect, length];
        headers.extend(credential.as_deref().map(|credential| ("Authorization", credential)));
        client.send_head("POST /v1/devices/7", &headers);
        assert_eq!(client.read_head().status, status, "and no 100 before it");
        origin.expect_nobody("a refused upload");
    }
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /v1/devices/7", &[expect, length, ("Authorization", &format!("Bearer {full}"))]);
    assert_eq!(client.read_head().status, 100);
    client.send("hello");
    let mut upstream = origin.accept();
    let head = upstream.read_request();
    assert_eq!(head.count("expect"), 0, "the expectation was ours to meet");
    assert_eq!(upstream.read_exactly(5), b"hello");
    upstream.send(OK);
    assert_eq!(client.read_answer("POST").status, 200);
}

#[test]
fn a_client_that_hangs_up_frees_the_upstream() {
    let (origin, gateway) = setup();
    let mut uploading = Wire::connect(gateway.proxy);
    uploading.send_head("POST /public/7", &[("Content-Length", "100")]);
    uploading.send("half");
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.read_exactly(4);
    uploading.hang_up();
    let (rest, took) = timed(|| upstream.read_rest());
    assert!(rest.is_empty() && took < Duration::from_secs(1), "in the middle of a request: {took:?}");

    let mut waiting = Wire::connect(gateway.proxy);
    waiting.send_head("GET /public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    waiting.hang_up();
    let (rest, took) = timed(|| upstream.read_rest());
    assert!(rest.is_empty() && took < Duration::from_secs(1), "before the response: {took:?}");

    let mut reading = Wire::connect(gateway.proxy);
    reading.send_head("GET /public/7", &[]);
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    reading.read_head();
    reading.read_exactly(4);
    reading.hang_up();
    let (rest, took) = timed(|| upstream.read_rest());
    assert!(rest.is_empty() && took < Duration::from_secs(1), "in the middle of a response: {took:?}");
}

#[test]
fn a_response_that_breaks_off_never_looks_complete() {
    let (origin, gateway) = setup();
    for (framing, piece) in [
        ("Content-Length: 100", "half"),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\n"),
        ("Transfer-Encoding: chunked", "8\r\nhalf"),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\n0\r\n"),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\nzz\r\n"),
    ] {
        let mut client = Wire::connect(gateway.proxy);
        client.send_head("GET /public/7", &[]);
        let mut upstream = origin.accept();
        upstream.read_request();
        upstream.send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n"));
        assert_eq!(client.read_head().status, 200);
        upstream.send(piece);
        upstream.hang_up();
        let rest = client.read_rest();
        let text = String::from_utf8_lossy(&rest).into_owned();
        assert!(text.len() < 100 && !text.contains("0\r\n\r\n"), "{framing} {piece:?}: {text:?}");
    }
}

#[test]
fn malformed_chunks_reach_no_upstream_as_an_end() {
    let (origin, gateway) = setup();
    for bad in ["zz\r\n", "-1\r\n", "0x1\r\na\r\n", "11111111111111111\r\n", "3\r\nabcdef\r\n", "3\r\nabcX\r\n"] {
        let mut client = Wire::connect(gateway.proxy);
        client.send_head("POST /public/7", &[("Transfer-Encoding", "chunked")]);
        client.send_chunk(b"good");
        let mut upstream = origin.accept();
        upstream.read_request();
        assert_eq!(upstream.read_chunk().as_deref(), Some(&b"good"[..]));
        client.try_send(format!("{bad}GET /public/evil HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes());
        let answer = client.read_answer("POST");
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad_chunk"), "{bad:?}");
        assert!(client.read_rest().is_empty(), "{bad:?}: a second answer");
        let rest = String::from_utf8_lossy(&upstream.read_rest()).into_owned();
        assert!(!rest.contains("0\r\n\r\n") && !rest.contains("evil"), "{bad:?}: {rest}");
        origin.expect_nobody(bad);
    }
}

/// HTTP/1.1 carries trailers that are announced, to who says that it takes them; forged ones never.
#[test]
fn announced_trailers_pass_and_forged_ones_do_not() {
    let (origin, gateway) = setup();
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Transfer-Encoding", "chunked"), ("Trailer", "X-Sum"), ("TE", "trailers")]);
    client.send("3\r\nabc\r\n0\r\nX-Sum: 6\r\nX-Unannounced: 1\r\n\r\n");
    let mut upstream = origin.accept();
    upstream.read_request();
    assert_eq!(upstream.read_chunk().as_deref(), Some(&b"abc"[..]));
    assert_eq!(upstream.read_chunk(), None);
    let mut trailers = Vec::new();
    while let Some(line) = upstream.read_line().filter(|line| !line.is_empty()) {
        trailers.push(line.to_ascii_lowercase());
    }
    assert_eq!(trailers, ["x-sum: 6"]);
    upstream.send(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Total, X-Keygate-Kind\r\n\r\n\
         2\r\nok\r\n0\r\nX-Total: 9\r\nX-Keygate-Kind: forged\r\n\r\n",
    );
    assert_eq!(client.read_head().status, 200);
    assert_eq!(client.read_chunk().as_deref(), Some(&b"ok"[..]));
    assert_eq!(client.read_chunk(), None);
    let mut trailers = Vec::new();
    while let Some(line) = client.read_line().filter(|line| !line.is_empty()) {
        trailers.push(line.to_ascii_lowercase());
    }
    assert_eq!(trailers, ["x-total: 9"]);
}

/// What a trailer may not say ends the request, and the upstream never sees its body as complete.
#[test]
fn a_request_with_a_forged_trailer_is_refused() {
    let (origin, gateway) = setup();
    for line in [
        "X-Keygate-Account: forged",
        "x_keygate_kind: forged",
        "Authorization: forged",
        "Content-Length: 3",
        "Transfer-Encoding: chunked",
        "Host: evil",
        "X-Forwarded-For: 1.2.3.4",
    ] {
        let mut client = Wire::connect(gateway.proxy);
        client.send_head("POST /public/7", &[("Transfer-Encoding", "chunked")]);
        client.send_chunk(b"good");
        let mut upstream = origin.accept();
        upstream.read_request();
        assert_eq!(upstream.read_chunk().as_deref(), Some(&b"good"[..]));
        client.send(format!("0\r\n{line}\r\n\r\n"));
        let answer = client.read_answer("POST");
        assert_eq!((answer.status, answer.problem().as_str()), (400, "bad_trailer"), "{line}");
        let rest = String::from_utf8_lossy(&upstream.read_rest()).into_owned();
        assert!(!rest.contains("0\r\n\r\n") && !rest.contains("forged"), "{line}: {rest}");
    }
}

#[test]
fn an_early_answer_ends_an_upload() {
    let (origin, gateway) = setup();
    let mut client = Wire::connect(gateway.proxy);
    client.send_head("POST /public/7", &[("Content-Length", "1000000")]);
    client.send("begun");
    let mut upstream = origin.accept();
    upstream.read_request();
    upstream.send("HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno");
    let answer = client.read_answer("POST");
    assert_eq!((answer.status, answer.text()), (409, "no"));
    upstream.read_rest();
    eventually("the client's connection is closed, for the rest of its body means nothing", || {
        (!client.try_send(b"more")).then_some(())
    });
}

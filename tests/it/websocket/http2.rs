//! WebSockets over HTTP/2 (RFC 8441): a stream to the client, an upgrade to the upstream.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderName, HeaderValue, Method, Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper::ext::Protocol;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::stage::{KEY, Stage, frame, masked};
use crate::support::frames::{DATA, END_HEADERS, Frames, HEADERS, RST_STREAM, literal};
use crate::support::{Recorded, Wire, eventually, h2, pattern, wait};

/// A client over HTTP/2 for tests that block. Its runtime goes on beside them.
struct Client {
    sender: SendRequest<h2::Pieces>,
    runtime: Runtime,
}

/// An open WebSocket, as its client has it.
struct Talk<'client> {
    io: TokioIo<Upgraded>,
    runtime: &'client Runtime,
}

type Asked = JoinHandle<Response<Incoming>>;

impl Client {
    fn connect(stage: &Stage) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let address = stage.gateway.proxy;
        let sender = runtime.block_on(async {
            let mut sender = h2::connect(address).await;
            // What the gateway offers is known once it has answered anything.
            sender.send_request(h2::get("/nowhere")).await.expect("an answer");
            sender
        });
        Self { sender, runtime }
    }

    fn ask(&self, path: &str, token: Option<&str>, change: impl FnOnce(&mut Request<h2::Pieces>)) -> Asked {
        let mut request = h2::get(path);
        *request.method_mut() = Method::CONNECT;
        request.extensions_mut().insert(Protocol::from_static("websocket"));
        let headers = request.headers_mut();
        headers.insert("sec-websocket-version", HeaderValue::from_static("13"));
        if let Some(token) = token {
            headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}")).expect("ASCII"));
        }
        change(&mut request);
        let answer = self.sender.clone().send_request(request);
        self.runtime.spawn(async move { answer.await.expect("an answer") })
    }

    #[track_caller]
    fn answer(&self, asked: Asked) -> Response<Incoming> {
        let waiting = async { tokio::time::timeout(wait::DEADLINE, asked).await };
        self.runtime.block_on(waiting).expect("an answer in time").expect("no panic")
    }

    /// Status and code of the refusal.
    #[track_caller]
    fn refused(&self, asked: Asked) -> (u16, String) {
        let answer = self.answer(asked);
        let status = answer.status().as_u16();
        let (whole, _) = self.runtime.block_on(h2::collect(answer));
        let document: serde_json::Value = serde_json::from_slice(whole.body()).unwrap_or_default();
        (status, document["code"].as_str().unwrap_or_default().to_owned())
    }

    /// Both ends of an open one.
    #[track_caller]
    fn open(&self, stage: &Stage, path: &str) -> (Talk<'_>, Wire) {
        let asked = self.ask(path, Some(&stage.token.secret), |_| {});
        let mut upstream = stage.origin.accept();
        let request = upstream.read_request();
        upstream.send(switch(&request, ""));
        let answer = self.answer(asked);
        assert_eq!(answer.status(), 200);
        (self.talk(answer), upstream)
    }

    fn talk(&self, answer: Response<Incoming>) -> Talk<'_> {
        let upgraded = self.runtime.block_on(hyper::upgrade::on(answer)).expect("a stream");
        Talk { io: TokioIo::new(upgraded), runtime: &self.runtime }
    }
}

impl Talk<'_> {
    fn send(&mut self, bytes: &[u8]) {
        self.runtime.block_on(self.io.write_all(bytes)).expect("the gateway takes it");
    }

    #[track_caller]
    fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        let reading = async { tokio::time::timeout(wait::DEADLINE, self.io.read_exact(&mut bytes)).await };
        self.runtime.block_on(reading).expect("bytes in time").expect("bytes");
        bytes
    }

    /// Everything until the stream ends or is reset.
    #[track_caller]
    fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let reading = async { tokio::time::timeout(wait::DEADLINE, self.io.read_to_end(&mut bytes)).await };
        self.runtime.block_on(reading).expect("the end in time").ok();
        bytes
    }

    #[track_caller]
    fn closed_with(&mut self) -> u16 {
        let head = self.read(2);
        assert_eq!(head[0], 0x88, "a close frame, at the beginning of a frame");
        let payload = self.read(usize::from(head[1] & 0x7f));
        assert!(self.rest().is_empty(), "nothing behind the close frame");
        u16::from_be_bytes([payload[0], payload[1]])
    }
}

/// The answer to this request's key.
fn switch(request: &Recorded, more: &str) -> String {
    let key = request.header("sec-websocket-key").expect("a key");
    let mut hash = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY);
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(hash.finish());
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\n{more}\r\n"
    )
}

#[test]
fn a_stream_is_an_upgrade_to_the_upstream() {
    let stage = Stage::new();
    let client = Client::connect(&stage);
    let asked = client.ask("/live/7?x=1", Some(&stage.token.secret), |request| {
        let headers = request.headers_mut();
        headers.insert("sec-websocket-protocol", HeaderValue::from_static("chat"));
        headers.insert("sec-websocket-key", HeaderValue::from_static(KEY));
        headers.insert("x-keygate-account", HeaderValue::from_static("forged"));
    });
    let mut upstream = stage.origin.accept();
    let request = upstream.read_request();
    assert_eq!(request.line, "GET /live/7?x=1 HTTP/1.1");
    for (name, value) in [
        ("host", "gateway.localhost"),
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-protocol", "chat"),
    ] {
        assert_eq!((request.header(name), request.count(name)), (Some(value), 1), "{request:?}");
    }
    let key = request.header("sec-websocket-key").expect("a key");
    assert!(key != KEY && STANDARD.decode(key).is_ok_and(|bytes| bytes.len() == 16), "{key}");
    assert_eq!(request.header("authorization"), None);
    assert!(request.header("x-keygate-account").is_none_or(|account| account != "forged"));
    upstream.send(switch(&request, "Sec-WebSocket-Protocol: chat\r\n"));
    let answer = client.answer(asked);
    assert_eq!(answer.status(), 200);
    let header = |name: &'static str| answer.headers().get(HeaderName::from_static(name)).cloned();
    assert_eq!(header("sec-websocket-protocol"), Some(HeaderValue::from_static("chat")));
    assert!(["sec-websocket-accept", "upgrade", "connection"].into_iter().all(|name| header(name).is_none()));
    let mut talk = client.talk(answer);
    let (up, down) = (masked(2, &pattern(3, 300_000)), frame(2, &pattern(5, 300_000)));
    let echo = std::thread::spawn({
        let (up, down) = (up.clone(), down.clone());
        move || {
            assert!(upstream.read_exactly(up.len()) == up, "the client's message arrives");
            upstream.send(&down);
            upstream
        }
    });
    talk.send(&up);
    let mut upstream = echo.join().expect("the upstream had what it wanted");
    assert!(talk.read(down.len()) == down, "the upstream's message arrives");
    upstream.send(frame(8, &[3, 232]));
    upstream.finish_sending();
    assert_eq!(talk.rest(), frame(8, &[3, 232]));
    drop(talk);
    assert!(upstream.read_rest().is_empty());
    eventually("the tunnel is over", || {
        (stage.gateway.admin.metric("keygate_open_tunnels ") == Some(0.0)).then_some(())
    });
    assert_eq!(stage.gateway.admin.metric("keygate_tunnels_total "), Some(1.0));
}

#[test]
fn it_ends_with_the_right_to_it_and_others_on_the_connection_go_on() {
    let stage = Stage::new();
    let client = Client::connect(&stage);
    let (mut stays, mut stays_upstream) = client.open(&stage, "/last/7");
    let (mut ends, mut ends_upstream) = client.open(&stage, "/live/7");
    ends.send(&masked(1, b"hello"));
    ends_upstream.read_exactly(11);
    stage.gateway.admin.change(&stage.token.id, "revoke");
    assert_eq!(ends.closed_with(), 1008);
    assert_eq!(ends_upstream.read_rest().first().copied(), Some(0x88), "the upstream is told too");
    stays.send(&masked(1, b"still"));
    assert_eq!(stays_upstream.read_exactly(11), masked(1, b"still"));
    assert_eq!(
        client.refused(client.ask("/live/7", Some(&stage.token.secret), |_| {})),
        (401, "token_revoked".to_owned())
    );
}

#[test]
fn either_side_may_go_and_a_gateway_that_stops_says_so() {
    let stage = Stage::new();
    let client = Client::connect(&stage);
    let (talk, mut upstream) = client.open(&stage, "/live/7");
    drop(talk);
    assert!(upstream.read_rest().is_empty(), "the client is gone");
    let (mut talk, upstream) = client.open(&stage, "/live/7");
    upstream.hang_up();
    assert!(talk.rest().is_empty(), "the upstream is gone");
    let other = Client::connect(&stage);
    let (talk, mut upstream) = other.open(&stage, "/live/7");
    std::mem::forget(talk);
    other.runtime.shutdown_background();
    assert!(upstream.read_rest().is_empty(), "the client's connection is gone");
    let (mut talk, _upstream) = client.open(&stage, "/live/7");
    let Stage { gateway, origin: _origin, .. } = stage;
    let stopped = std::thread::spawn(move || gateway.stop());
    assert_eq!(talk.closed_with(), 1001);
    drop(talk);
    drop(client);
    stopped.join().expect("nothing is left to wait for");
}

#[test]
fn only_the_right_answer_opens_it() {
    let stage = Stage::new();
    let client = Client::connect(&stage);
    let wrong: [(&str, u16); 5] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 502),
        ("HTTP/1.1 204 No Content\r\n\r\n", 502),
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", 502),
        (
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
            502,
        ),
        ("HTTP/1.1 409 Conflict\r\nContent-Length: 2\r\n\r\nno", 409),
    ];
    for (answer, status) in wrong {
        let asked = client.ask("/live/7", Some(&stage.token.secret), |_| {});
        let mut upstream = stage.origin.accept();
        upstream.read_request();
        upstream.send(answer);
        assert_eq!(client.refused(asked).0, status, "{answer}");
    }
    assert_eq!(stage.gateway.admin.metric("keygate_tunnels_total "), Some(0.0));
}

#[test]
fn who_may_not_and_what_is_not_asked_properly_reaches_nobody() {
    let stage = Stage::new();
    let client = Client::connect(&stage);
    let token = stage.token.secret.clone();
    let expect = |asked: Asked, status: u16, code: &str| {
        assert_eq!(client.refused(asked), (status, code.to_owned()));
        stage.origin.expect_nobody(code);
    };
    expect(client.ask("/live/7", None, |_| {}), 401, "missing_credential");
    let other = stage.gateway.admin.create(json!({"name": "other", "grants": {"files": "full"}}));
    expect(client.ask("/live/7", Some(&other.secret), |_| {}), 403, "insufficient_scope");
    expect(client.ask("/plain/7", Some(&token), |_| {}), 400, "bad_upgrade");
    expect(client.ask("/nowhere/7", Some(&token), |_| {}), 404, "no_route");
    let version = |request: &mut Request<h2::Pieces>| {
        request.headers_mut().insert("sec-websocket-version", HeaderValue::from_static("8"));
    };
    expect(client.ask("/live/7", Some(&token), version), 400, "bad_upgrade");
    for protocol in ["connect-udp", "WebSocket", "h2c"] {
        let set = |request: &mut Request<h2::Pieces>| {
            request.extensions_mut().insert(Protocol::from_static(protocol));
        };
        expect(client.ask("/live/7", Some(&token), set), 501, "connect_refused");
    }
}

/// What proper clients do not send is refused by the stream, and the next one is its own.
#[test]
fn a_stream_without_its_parts_is_reset() {
    let stage = Stage::new();
    let mut client = Frames::connect(stage.gateway.proxy, &[]);
    let fields = [
        (":method", "CONNECT"),
        (":protocol", "websocket"),
        (":scheme", "http"),
        (":authority", "gateway.localhost"),
        (":path", "/open/7"),
    ];
    let head = |without: &str| -> Vec<u8> {
        let fields = fields.iter().filter(|(name, _)| *name != without);
        let version = literal("sec-websocket-version", "13");
        fields.flat_map(|(name, value)| literal(name, value)).chain(version).collect()
    };
    for (at, without) in [":path", ":scheme", ":method"].into_iter().enumerate() {
        let stream = 1 + 2 * at as u32;
        client.send(HEADERS, END_HEADERS, stream, &head(without));
        let ended = client.read_until(|frame| frame.stream == stream && frame.kind == RST_STREAM);
        assert!(ended.is_some(), "without {without}");
    }
    stage.origin.expect_nobody("what has no path or scheme goes nowhere");
    // Bytes before the answer wait for it: they are the tunnel's, or nobody's.
    client.send(HEADERS, END_HEADERS, 7, &head(""));
    client.send(DATA, 0, 7, b"GET /open/evil HTTP/1.1\r\nHost: a\r\n\r\n");
    let mut upstream = stage.origin.accept();
    let request = upstream.read_request();
    assert!(upstream.is_silent_for(std::time::Duration::from_millis(300)), "nothing is sent before the switch");
    upstream.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let answer = client.read_answer(7);
    assert_eq!(answer, Some(Ok(b"no".to_vec())));
    stage.origin.expect_nobody("what was sent behind a refused request");
    assert_eq!(request.line, "GET /open/7 HTTP/1.1");
    client.send(HEADERS, END_HEADERS, 9, &head(""));
    client.send(DATA, 0, 9, b"early");
    // The connection was kept, for the exchange before was whole.
    let mut next = stage.origin.try_accept().unwrap_or(upstream);
    let request = next.read_request();
    next.send(switch(&request, ""));
    assert_eq!(next.read_exactly(5), b"early");
}

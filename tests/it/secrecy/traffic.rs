//! Secrets in every place of a request that passes, or does not, through the gateway.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use hyper::body::Frame;

use super::canary::Canary;
use super::stage::Stage;
use crate::raw::case::Case;
use crate::support::wait::DEADLINE;
use crate::support::{Client, h2};

/// For an answer that does not end the connection.
const PATIENCE: Duration = Duration::from_millis(150);
/// Tokens that go into every place; the others go where tokens are looked for.
const CHOSEN: [&str; 4] = ["active", "revoked", "nobody's service", "a session"];
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";

fn is_chosen(canary: &Canary) -> bool {
    CHOSEN.iter().any(|chosen| canary.what.contains(chosen))
}

/// Headers in which somebody may put a text, and what stands around it there.
fn headers(text: &str) -> Vec<(&'static str, String)> {
    let basic = |pair: String| format!("Basic {}", STANDARD.encode(pair));
    let url = format!("https://a.example/x?token={text}#{text}");
    vec![
        ("Authorization", format!("Bearer {text}")),
        ("Authorization", format!("bearer  {text} ")),
        ("Authorization", format!("Token {text}")),
        ("Authorization", text.to_owned()),
        ("Authorization", format!("Bearer {text}, Bearer {text}")),
        ("Authorization", basic(format!("any:{text}"))),
        ("Authorization", basic(format!("{text}:"))),
        ("Authorization", format!("Basic {text}")),
        ("Authorization", format!("Digest username=\"{text}\"")),
        ("Proxy-Authorization", format!("Bearer {text}")),
        ("X-API-Key", text.to_owned()),
        ("X_API_Key", text.to_owned()),
        ("Cookie", format!("session={text}; a=b")),
        ("Referer", url.clone()),
        ("Origin", format!("https://{text}.example")),
        ("User-Agent", format!("curl -H 'Authorization: Bearer {text}'")),
        ("X-Request-Id", text.to_owned()),
        ("Traceparent", format!("00-{text}-01")),
        ("X-Forwarded-For", text.to_owned()),
        ("X-Forwarded-Host", text.to_owned()),
        ("Forwarded", format!("for={text}")),
        ("Via", format!("1.1 {text}")),
        ("X-Account", text.to_owned()),
        ("X-Keygate-Token", text.to_owned()),
        ("X-Original-URL", url),
        ("Content-Type", text.to_owned()),
        ("Accept", text.to_owned()),
        ("Expect", text.to_owned()),
        ("Connection", text.to_owned()),
        ("Upgrade", text.to_owned()),
        ("TE", text.to_owned()),
        ("Transfer-Encoding", text.to_owned()),
        ("Content-Length", text.to_owned()),
        ("Trailer", text.to_owned()),
        ("Idempotency-Key", text.to_owned()),
    ]
}

fn targets(text: &str) -> Vec<String> {
    let encoded: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
    vec![
        format!("/v1/devices/{text}"),
        format!("/v1/devices/x{text}y"),
        format!("/v1/devices/{}", text.replace('_', "%5f")),
        format!("/v1/devices/{encoded}"),
        format!("/v1/devices/{text}/../{text}"),
        format!("/v1/devices/%2e%2e/{text}"),
        format!("/v1/devices/{text}%zz"),
        format!("/v1/devices/7;token={text}"),
        format!("/v1/devices/7?access_token={text}&other=1"),
        format!("/all/7?access_token={text}"),
        format!("/all/7?access_token={encoded}"),
        format!("/all/7?access_token={text}&access_token={text}"),
        format!("/all/7?access_token[]={text}"),
        format!("/all/7?q=%zz{text}"),
        format!("/v1/devices/7#{text}"),
        format!("/dead/{text}?t={text}"),
        format!("/public/{text}/{text}"),
        format!("/nowhere/{text}"),
        format!("//{text}"),
        format!("/{text}?{text}={text}"),
        text.to_owned(),
        format!("http://{text}@gateway.localhost/v1/devices/7"),
        format!("http://any:{text}@gateway.localhost/v1/devices/7"),
        format!("http://{text}/v1/devices/7"),
        format!("http://gateway.localhost/v1/devices/{text}"),
    ]
}

/// What no parser takes, with a secret at each of its ends.
fn malformed(text: &str) -> Vec<String> {
    vec![
        format!("{text} / HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /{text} HTTP/9.{text}\r\nHost: a\r\n\r\n"),
        format!("GET /{text}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {text}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: {text}\r\nHost: {text}x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a:{text}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{text}: x\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\n{text}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization : Bearer {text}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization:\r\n Bearer {text}\r\n\r\n"),
        format!("GET / HTTP/1.1\nHost: a\nAuthorization: Bearer {text}\n\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {text}\0\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {text}\r\nAuthorization: Bearer {text}\r\n\r\n"),
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: {text}\r\n\r\n{text}"),
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{text}\r\n"),
        format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;{text}\r\nx\r\n0\r\n\r\n"),
        format!("CONNECT {text}:443 HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("OPTIONS * HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {text}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\n\r\n", text.repeat(2_000)),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", format!("{text}/").repeat(2_000)),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{text}{text}{text}"),
        format!("\u{16}\u{3}\u{1}{text}"),
        format!("PROXY TCP4 {text}\r\n"),
        text.to_owned(),
    ]
}

/// Sends bytes, and gives all that comes. Who waits for more of them learns that there are none.
fn raw(address: SocketAddr, bytes: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("the gateway listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    // It may have refused what came so far, and hung up.
    let sent = stream.write_all(bytes);
    let mut answer = Vec::new();
    if sent.and_then(|()| stream.read_to_end(&mut answer)).is_err() {
        let half = stream.shutdown(Shutdown::Write);
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
        drop((half, stream.read_to_end(&mut answer)));
    }
    answer
}

impl Stage {
    /// HTTP/1.1, on each listener.
    pub fn plant_in_requests(&mut self) {
        let proxy = self.program.proxy;
        for canary in self.tokens() {
            let is_chosen = is_chosen(&canary);
            for (name, value) in headers(&canary.text) {
                if !is_chosen && !["Authorization", "X-API-Key"].contains(&name) {
                    continue;
                }
                for target in ["/v1/devices/7", "/all/7", "/key/7", "/public/7", "/nowhere"] {
                    self.ask(proxy, target, name, &value);
                }
                self.ask(self.program.admin.address, "/v1/tokens?limit=1&q=nothing", name, &value);
            }
            for target in targets(&canary.text) {
                self.ask(proxy, &target, "Authorization", &format!("Bearer {}", self.token));
                if is_chosen {
                    self.ask(proxy, &target, "X-None", "");
                }
            }
            for bytes in malformed(&canary.text).iter().filter(|_| is_chosen) {
                for address in [proxy, self.program.admin.address] {
                    let answer = raw(address, bytes.as_bytes());
                    self.evidence.add("answer to what is malformed", answer);
                }
            }
        }
    }

    fn ask(&mut self, address: SocketAddr, target: &str, name: &str, value: &str) {
        let head = format!(
            "POST {target} HTTP/1.1\r\nHost: gateway.localhost\r\n{name}: {value}\r\nConnection: close\r\n\r\n"
        );
        let answer = raw(address, head.as_bytes());
        self.evidence.add(format!("answer to {name}"), answer);
    }

    /// The cases of `tests/raw`, each with a token that is in force.
    pub fn plant_in_raw_cases(&mut self) {
        let cases = Case::all(&Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/raw"));
        assert!(cases.len() >= 500, "{} cases", cases.len());
        for case in cases {
            // What is whole is followed by a request that ends the connection.
            let marker = if case.is_cut() { "" } else { "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" };
            let answer = raw(self.program.proxy, &[&case.bytes(&self.token), marker.as_bytes()].concat());
            self.evidence.add(format!("answer to the raw case {}", case.row()), answer);
        }
    }

    /// A handshake, chunks and trailers.
    pub fn plant_in_streams(&mut self) {
        for canary in self.tokens().iter().filter(|canary| is_chosen(canary)) {
            let text = canary.text.clone();
            let digits = URL_SAFE_NO_PAD.encode(&text);
            for protocol in
                [format!("base64url.bearer.{digits}, chat"), format!("base64url.bearer.{text}"), text.clone()]
            {
                let head = format!(
                    "GET /all/live HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                     Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
                );
                let answer = raw(self.program.proxy, head.as_bytes());
                self.evidence.add("answer to a WebSocket's protocol", answer);
            }
            for trailer in
                [format!("X-Note: {text}"), format!("Authorization: Bearer {text}"), format!("{text}: x"), text.clone()]
            {
                let whole = format!(
                    "POST /v1/devices/7 HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nTransfer-Encoding: chunked\r\n\
                     Connection: close\r\n\r\n{:x}\r\n{text}\r\n0\r\n{trailer}\r\n\r\n",
                    self.token,
                    text.len()
                );
                let answer = raw(self.program.proxy, whole.as_bytes());
                self.evidence.add("answer to a trailer", answer);
            }
        }
    }

    /// HTTP/2, and calls of gRPC over it.
    pub fn plant_in_http2(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for canary in self.tokens().iter().filter(|canary| is_chosen(canary)) {
            let heard = runtime.block_on(over_http2(self.program.proxy, &canary.text, &self.token));
            self.evidence.add("answer over HTTP/2", heard.join("\n"));
            for bytes in broken_http2(&canary.text) {
                let answer = raw(self.program.proxy, &bytes);
                self.evidence.add("answer to broken HTTP/2", answer);
            }
        }
        // The connections above are gone; this one shows that the gateway is not.
        let answer = Client::connect(self.program.proxy).request("GET", "/public/7", &[], b"");
        assert_eq!(answer.status, 200);
    }
}

async fn over_http2(proxy: SocketAddr, text: &str, good: &str) -> Vec<String> {
    let mut heard = Vec::new();
    let mut client = h2::connect(proxy).await;
    for target in ["/v1/devices/7".to_owned(), format!("/v1/devices/{text}?t={text}"), "/test.Calls/One".to_owned()] {
        for (name, value) in [
            ("authorization", format!("Bearer {text}")),
            ("x-api-key", text.to_owned()),
            ("cookie", text.to_owned()),
            ("metadata-of-a-call", text.to_owned()),
            ("grpc-timeout", text.to_owned()),
            ("token-bin", STANDARD.encode(text)),
            ("te", text.to_owned()),
            ("user-agent", text.to_owned()),
        ] {
            let (sender, body) = h2::Pieces::channel();
            let mut request = h2::request("POST", &target, body);
            let headers = request.headers_mut();
            if target.contains("Calls") {
                headers.insert("content-type", HeaderValue::from_static("application/grpc"));
            }
            headers.append(name, HeaderValue::from_str(&value).expect("a value"));
            if name != "authorization" {
                headers.append("authorization", HeaderValue::from_str(&format!("Bearer {good}")).expect("a value"));
            }
            if client.ready().await.is_err() {
                client = h2::connect(proxy).await;
            }
            let response = client.send_request(request);
            drop(sender.send(Frame::data(Bytes::from(text.to_owned()))).await);
            let trailers = HeaderMap::from_iter([(
                http::HeaderName::from_static("x-note"),
                HeaderValue::from_str(text).expect("a value"),
            )]);
            drop(sender.send(Frame::trailers(trailers)).await);
            drop(sender);
            if let Ok(response) = response.await {
                let (head, trailers) = h2::collect(response).await;
                heard.push(format!("{:?} {:?} {trailers:?}", head.headers(), head.body()));
            }
        }
    }
    heard
}

/// Frames that no client may send, with a text in them: names in capitals, no method, a field that goes on beyond
/// its frame, a window of nothing.
fn broken_http2(text: &str) -> Vec<Vec<u8>> {
    let field = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).expect("short");
        [&[0x10, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    let frame = |kind: u8, flags: u8, stream: u8, payload: &[u8]| {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        [&length[1..], &[kind, flags, 0, 0, 0, stream], payload].concat()
    };
    let bearer = format!("Bearer {text}");
    // `:method GET`, `:scheme http` and `:path /` of the static table.
    let usual = [&[0x82, 0x86, 0x84][..], &field(":authority", "a")].concat();
    let heads = [
        [&usual[..], &field("Authorization", &bearer)].concat(),
        [&usual[..], &field(text, &bearer)].concat(),
        [&usual[..], &field("authorization", &format!("{bearer}\r\nx: y"))].concat(),
        field("authorization", &bearer),
        [&usual[..], &field(":path", text), &field("authorization", &bearer)].concat(),
        [&usual[..], &field("authorization", &bearer), &[0x10, 0x7f]].concat(),
    ];
    let begin = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(4, 0, 0, &[])].concat();
    let mut all: Vec<Vec<u8>> = heads.iter().map(|head| [&begin[..], &frame(1, 5, 1, head)].concat()).collect();
    all.push([&begin[..], &frame(0, 1, 1, text.as_bytes())].concat());
    all.push([&begin[..], &frame(7, 0, 0, &[&[0; 8], text.as_bytes()].concat())].concat());
    all
}

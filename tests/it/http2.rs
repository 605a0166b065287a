//! HTTP/2 by prior knowledge on either side, beside HTTP/1.1 on the other.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Request};
use http_body_util::BodyExt;
use hyper::body::Frame;
use tokio::task::JoinSet;

use crate::support::h2::{Echo, Pieces, collect, connect, end, get, request, serve, start};
use crate::support::{Builder, Origin, Then, Upstream, Wire};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const OPEN: &str =
    "[[route]]\npath = \"/public/{*rest}\"\npublic = true\nupstream = \"api\"\nmax_body = \"unlimited\"\n";

fn with(mut request: Request<Pieces>, name: &'static str, value: &str) -> Request<Pieces> {
    request.headers_mut().append(name, HeaderValue::from_str(value).expect("a value"));
    request
}

fn data(bytes: impl Into<Bytes>) -> Frame<Bytes> {
    Frame::data(bytes.into())
}

fn trailers(lines: &[(&'static str, &'static str)]) -> Frame<Bytes> {
    let lines = lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
    Frame::trailers(lines.collect::<HeaderMap>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_share_a_connection() {
    let upstream = Upstream::scripted(|request, stream| {
        let target = request.line.split(' ').nth(1).expect("a target");
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{target}", target.len());
        stream.write_all(answer.as_bytes()).expect("the gateway reads");
        Then::Keep
    });
    let gateway = start(Builder::new(&upstream.url())).await;
    let client = connect(gateway.proxy).await;
    let mut requests = JoinSet::new();
    for number in 0..300 {
        let mut client = client.clone();
        requests.spawn(async move {
            client.ready().await.expect("the connection lives");
            let target = format!("/public/{number}");
            let response = client.send_request(get(&target)).await.expect("a response");
            assert_eq!(response.status(), 200);
            assert_eq!(collect(response).await.0.body(), target.as_bytes());
        });
    }
    while let Some(done) = requests.join_next().await {
        done.expect("each gets its own answer");
    }
    end(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http2_in_and_http1_out() {
    let upstream = Upstream::start();
    let gateway = start(Builder::new(&upstream.url())).await;
    let admin = gateway.admin.clone();
    let created =
        tokio::task::spawn_blocking(move || admin.create(serde_json::json!({"name": "x", "grants": {"*": "full"}})));
    let created = created.await.expect("a token");
    let mut client = connect(gateway.proxy).await;
    let (pieces, body) = Pieces::channel();
    let mut post =
        with(request("POST", "/v1/d%65vices/7?x=%2f", body), "authorization", &format!("Bearer {}", created.secret));
    for (name, value) in [
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("cookie", "c=3"),
        ("te", "trailers"),
        ("x-keygate-account", "forged"),
        ("x_keygate_token", "forged"),
        ("x-forwarded-for", "forged"),
    ] {
        post = with(post, name, value);
    }
    let response = tokio::spawn(async move { client.send_request(post).await });
    for piece in ["one", "two"] {
        pieces.send(data(piece)).await.expect("it is sent");
    }
    drop(pieces);
    let response = response.await.expect("no panic").expect("a response");
    assert_eq!(response.status(), 200);
    let (response, _) = collect(response).await;
    assert_eq!(response.headers()["content-type"], "application/json");
    let seen = upstream.last();
    assert_eq!(seen.line, "POST /v1/devices/7?x=%2f HTTP/1.1");
    assert_eq!((seen.header("host"), seen.count("host")), (Some("gateway.localhost"), 1));
    assert_eq!((seen.header("cookie"), seen.count("cookie")), (Some("a=1; b=2; c=3"), 1), "RFC 9113 section 8.2.3");
    assert_eq!(seen.header("x-keygate-token"), Some(created.id.as_str()));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.count("te") + seen.count("authorization") + seen.count("x_keygate_token"), 0);
    assert_eq!(seen.body, b"onetwo");
    end(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn http1_in_and_http2_out() {
    let echo = Echo::start().await;
    let gateway = start(Builder::new(&echo.url()).upstream("http = \"2\"")).await;
    let proxy = gateway.proxy;
    let blocking = tokio::task::spawn_blocking(move || {
        let mut client = Wire::connect(proxy);
        for body in ["hello", ""] {
            let length = body.len().to_string();
            let headers =
                [("Content-Length", length.as_str()), ("Connection", "x-hop"), ("X-Hop", "1"), ("TE", "trailers")];
            client.send_head("POST /public/7?a=b", &headers);
            client.send(body);
            let answer = client.read_answer("POST");
            assert_eq!((answer.status, answer.text()), (200, body));
            assert_eq!(answer.header("x-upstream"), Some("echo"));
        }
        client.send_head("POST /public/7", &[("Transfer-Encoding", "chunked")]);
        for piece in [&b"one"[..], b"two"] {
            client.send_chunk(piece);
            if piece == b"one" {
                assert_eq!(client.read_head().header("transfer-encoding"), Some("chunked"));
            }
            assert_eq!(client.read_chunk().as_deref(), Some(piece), "it comes back while the request goes on");
        }
        client.send("0\r\n\r\n");
        assert_eq!(client.read_chunk(), None);
    });
    blocking.await.expect("the exchange goes well");
    let seen = echo.last();
    assert_eq!(seen.uri.path(), "/public/7");
    assert_eq!(seen.uri.authority().map(http::uri::Authority::as_str), Some("gateway.localhost"));
    for gone in ["host", "connection", "x-hop", "transfer-encoding", "keep-alive"] {
        assert!(!seen.headers.contains_key(gone), "{gone}: {:?}", seen.headers);
    }
    assert_eq!(seen.headers["x-keygate-account"], "");
    assert_eq!(echo.connections(), 1);
    end(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trailers_pass_both_ways_over_http2() {
    let echo = Echo::start().await;
    let gateway = start(Builder::new(&echo.url()).upstream("http = \"2\"")).await;
    let mut client = connect(gateway.proxy).await;
    let (pieces, body) = Pieces::channel();
    let post = with(request("POST", "/public/7", body), "te", "trailers");
    let response = tokio::spawn(async move { client.send_request(post).await });
    pieces.send(data("message")).await.expect("it is sent");
    let response = response.await.expect("no panic").expect("the head comes before the request's end");
    pieces.send(trailers(&[("grpc-status", "0"), ("x-checksum", "abc")])).await.expect("it is sent");
    drop(pieces);
    let (whole, trailers) = collect(response).await;
    assert_eq!(whole.body(), &b"message"[..]);
    let mut names: Vec<_> = trailers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    assert_eq!(names, ["grpc-status", "x-checksum"]);
    assert_eq!(echo.last().headers["te"], "trailers", "servers of gRPC insist on it");
    end(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_trailer_breaks_the_stream_off() {
    let echo = Echo::start().await;
    let gateway = start(Builder::new(&echo.url()).upstream("http = \"2\"")).await;
    let mut client = connect(gateway.proxy).await;
    for name in ["x-keygate-account", "x_keygate_kind", "x-forwarded-for", "authorization", "content-length"] {
        let (pieces, body) = Pieces::channel();
        let response = client.send_request(request("POST", "/public/7", body));
        pieces.send(data("message")).await.expect("it is sent");
        let response = response.await.expect("the head comes before the request's end");
        pieces.send(trailers(&[(name, "forged")])).await.expect("it is sent");
        drop(pieces);
        assert!(response.into_body().collect().await.is_err(), "{name}: the upstream took the body for whole");
    }
    end(gateway).await;
}

/// Larger than every window on the way, so that each side waits for the other many times.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_bodies_flow_over_http2() {
    const PIECE: usize = 100_000;
    const COUNT: usize = 300;
    let echo = Echo::start().await;
    let gateway = start(Builder::new(&echo.url()).routes(OPEN).upstream("http = \"2\"")).await;
    let client = connect(gateway.proxy).await;
    let mut both = JoinSet::new();
    for stream in 0..2 {
        let mut client = client.clone();
        both.spawn(async move {
            let (pieces, body) = Pieces::channel();
            let response = tokio::spawn(async move { client.send_request(request("POST", "/public/7", body)).await });
            let writing = tokio::spawn(async move {
                for number in 0..COUNT {
                    pieces.send(data(vec![(number + stream) as u8; PIECE])).await.expect("it is sent");
                }
            });
            let mut body = response.await.expect("no panic").expect("a response").into_body();
            let mut at = 0;
            while let Some(frame) = body.frame().await {
                for byte in frame.expect("a whole body").into_data().expect("data") {
                    assert_eq!(byte, (at / PIECE + stream) as u8, "at {at}");
                    at += 1;
                }
            }
            assert_eq!(at, PIECE * COUNT);
            writing.await.expect("all was written");
        });
    }
    while let Some(done) = both.join_next().await {
        done.expect("both come back whole");
    }
    end(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_request_disturbs_no_other() {
    let origin = Origin::start();
    let gateway = start(Builder::new(&origin.url())).await;
    let client = connect(gateway.proxy).await;
    let spawn = |target: &'static str| {
        let mut client = client.clone();
        tokio::spawn(async move { client.send_request(get(target)).await })
    };
    let kept = spawn("/public/kept");
    let (origin, mut first) = accept(origin).await;
    let cancelled = spawn("/public/cancelled");
    let (_origin, mut second) = accept(origin).await;
    assert!(second.0.contains("cancelled"));
    cancelled.abort();
    let rest = tokio::task::spawn_blocking(move || second.1.read_rest()).await.expect("the upstream is left");
    assert!(rest.is_empty());
    first.1.send(OK);
    let response = kept.await.expect("no panic").expect("a response");
    assert_eq!(collect(response).await.0.body(), &b"ok"[..]);
    end(gateway).await;
}

/// What is cancelled is cancelled at the upstream, and the connection there goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_request_is_reset_at_an_upstream_of_http2() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    // A request that is worked on has a clone of it.
    let working = Arc::new(());
    let held = Arc::clone(&working);
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let held = Arc::clone(&held);
            async move {
                if request.uri().path().ends_with("held") {
                    std::future::pending::<()>().await;
                }
                drop(held);
                Ok::<_, std::convert::Infallible>(http::Response::new(request.into_body()))
            }
        });
        let server = hyper::server::conn::http2::Builder::new(hyper_util::rt::TokioExecutor::new());
        server.serve_connection(hyper_util::rt::TokioIo::new(stream), service).await.ok();
    });
    let wait_for = async |requests: usize| {
        let counted = async {
            while Arc::strong_count(&working) != 2 + requests {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let what = format!("{requests} requests at the upstream");
        tokio::time::timeout(Duration::from_secs(10), counted).await.expect(&what);
    };
    let builder = Builder::new(&url).server_alone("workers = 1\npin_workers = false\n");
    let gateway = start(builder.upstream("http = \"2\"")).await;
    let client = connect(gateway.proxy).await;
    for _ in 0..3 {
        let mut begun = client.clone();
        let begun = tokio::spawn(async move { begun.send_request(get("/public/held")).await });
        wait_for(1).await;
        begun.abort();
        wait_for(0).await;
        let response = client.clone().send_request(get("/public/8")).await.expect("a response");
        assert_eq!(response.status(), 200);
    }
    end(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_of_http2_that_restarts_is_connected_to_again() {
    let listener = Arc::new(tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port"));
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let builder = Builder::new(&url).server_alone("workers = 1\npin_workers = false\n");
    let gateway = start(builder.upstream("http = \"2\"")).await;
    let mut client = connect(gateway.proxy).await;
    for number in 0..3 {
        let seen = Arc::default();
        client.ready().await.expect("the client's connection lives");
        let (listener, record) = (Arc::clone(&listener), Arc::clone(&seen));
        let serving = tokio::spawn(async move {
            let (stream, _) = listener.accept().await.expect("a connection");
            serve(stream, record).await;
        });
        let response = client.send_request(get("/public/7")).await;
        assert_eq!(response.expect("a response").status(), 200, "connection {number}");
        assert_eq!(seen.lock().expect("no panic holds it").len(), 1);
        // Its end is a close without a word, as of a process that is killed.
        serving.abort();
        serving.await.expect_err("aborted");
        // The close is noticed when it has come: what is sent before is lost, and not sent twice.
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    end(gateway).await;
}

/// The next connection at the upstream, and the line of its request.
async fn accept(origin: Origin) -> (Origin, (String, Wire)) {
    let accepted = tokio::task::spawn_blocking(move || {
        let mut wire = origin.accept();
        let line = wire.read_request().line;
        (origin, (line, wire))
    });
    accepted.await.expect("the gateway connects")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_request_leaves_the_connection_to_the_others() {
    let origin = Origin::start();
    let gateway = start(Builder::new(&origin.url())).await;
    let mut client = connect(gateway.proxy).await;
    let bad_host =
        Request::get("http://a/public/7").header("host", "evil").body(get("/").into_body()).expect("a request");
    let rows = [
        (400, "bad_path", get("/public/../v1/devices/7")),
        (400, "bad_path", get("/public/%2fx")),
        (400, "bad_header", with(get("/public/7"), "content_length", "3")),
        (417, "expectation_failed", with(get("/public/7"), "expect", "tea")),
        (400, "bad_host", bad_host),
        (401, "missing_credential", get("/v1/devices/7")),
        (401, "missing_credential", get("/nowhere")),
    ];
    for (status, code, request) in rows {
        let shown = format!("{:?}", request.uri());
        client.ready().await.expect("the connection lives");
        let response = client.send_request(request).await.expect("a response");
        assert_eq!(response.status(), status, "{shown}");
        assert!(!response.headers().contains_key("connection"), "HTTP/2 has no such header");
        let (whole, _) = collect(response).await;
        let document: serde_json::Value = serde_json::from_slice(whole.body()).expect("JSON");
        assert_eq!(document["code"], code, "{shown}");
    }
    origin.expect_nobody("refused over HTTP/2");
    end(gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_stops_finishes_its_streams() {
    let origin = Origin::start();
    let gateway = start(Builder::new(&origin.url())).await;
    let mut client = connect(gateway.proxy).await;
    let mut another = client.clone();
    let begun = tokio::spawn(async move { client.send_request(get("/public/7")).await });
    let (_origin, (_, mut upstream)) = accept(origin).await;
    let stopped = tokio::task::spawn_blocking(move || gateway.stop());
    // The connection says so first, and then takes no more streams.
    let refused = tokio::time::timeout(Duration::from_secs(10), async {
        loop {
            if another.ready().await.is_err() || another.is_closed() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(!stopped.is_finished(), "a stream is open");
    upstream.send(OK);
    let response = begun.await.expect("no panic").expect("a response");
    assert_eq!(collect(response).await.0.body(), &b"ok"[..]);
    refused.await.expect("the connection is closed");
    stopped.await.expect("it stops");
}

/// The upstream's machine is gone, and TCP has not noticed yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upstream_of_http2_that_falls_silent_is_connected_to_again() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    tokio::spawn(async move {
        let (_silent, _) = listener.accept().await.expect("a connection");
        let (stream, _) = listener.accept().await.expect("another connection");
        serve(stream, Arc::default()).await;
    });
    let builder = Builder::new(&url).server_alone("workers = 1\npin_workers = false\n");
    let gateway = start(builder.upstream("http = \"2\"\nresponse_timeout = \"300ms\"")).await;
    let client = connect(gateway.proxy).await;
    for status in [504, 200] {
        let response = client.clone().send_request(get("/public/7")).await.expect("a response");
        assert_eq!(response.status(), status);
    }
    end(gateway).await;
}

//! The access log of the program itself: one JSON line a request, and no secret in any.

use std::io::Write;

use serde_json::{Value, json};

use crate::support::h2::{connect, get};
use crate::support::program::{Program, Written};
use crate::support::upstream::Then;
use crate::support::{Builder, Client, Upstream, eventually, request};

/// Answers at once, after the head alone, or never, as the path says.
fn upstream() -> Upstream {
    Upstream::scripted(|request, stream| {
        if request.line.contains("/half") {
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nbegun").expect("the gateway reads");
        }
        if request.line.contains("/half") || request.line.contains("/never") {
            // Until the gateway gives the connection up.
            std::io::copy(stream, &mut std::io::sink()).ok();
            return Then::Close;
        }
        stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 5\r\n\r\nhello").expect("the gateway reads");
        Then::Keep
    })
}

fn parse(written: &Written) -> Vec<Value> {
    let line = |line: &String| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    written.log.iter().map(line).collect()
}

/// The one line whose user agent is this.
#[track_caller]
fn line<'lines>(lines: &'lines [Value], agent: &str) -> &'lines Value {
    let found: Vec<_> = lines.iter().filter(|line| line["user_agent"] == agent).collect();
    assert_eq!(found.len(), 1, "{agent}: {lines:?}");
    found[0]
}

#[test]
fn each_request_leaves_one_line_also_when_it_was_refused_or_the_client_hung_up() {
    let upstream = upstream();
    let process = Program::start(Builder::new(&upstream.url()));
    let token = process.admin.create(json!({"name": "t", "grants": {"devices": "write"}}));
    let credential = format!("Bearer {}", token.secret);
    let ask = |agent: &str, method: &str, path: &str, authorization: &str, body: &[u8]| {
        let headers = [("User-Agent", agent), ("Authorization", authorization)];
        Client::connect(process.proxy).request(method, path, &headers, body)
    };
    let allowed = ask("allowed", "POST", "/v1/devices/7?q=1", &credential, b"twelve bytes");
    assert_eq!(allowed.status, 201);
    assert_eq!(ask("forbidden", "DELETE", "/v1/devices/7", &credential, b"").status, 403);
    assert_eq!(ask("stranger", "GET", "/v1/devices/7", "", b"").status, 401);
    assert_eq!(ask("lost", "GET", "/nowhere", &credential, b"").status, 404);
    assert_eq!(ask("crooked", "GET", "/v1/devices/%2e%2e/", &credential, b"").status, 400);
    assert_eq!(ask("open", "GET", "/public/logo", "", b"").status, 201);
    let mut odd = Client::connect(process.proxy);
    odd.send(format!("GET /v1/devices/{}\nHost: a\n\n", token.secret));
    assert_eq!(odd.read_head().status, 400);
    for (agent, path) in [("half", "/v1/devices/half"), ("never", "/v1/devices/never")] {
        let arrived = upstream.seen().len();
        let mut client = Client::connect(process.proxy);
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nUser-Agent: {agent}\r\nAuthorization: {credential}\r\nContent-Length: 0\r\n\r\n"
        ));
        eventually("the request arrives", || (upstream.seen().len() > arrived).then_some(()));
        if agent == "half" {
            assert_eq!(client.read_head().status, 200);
            assert_eq!(client.read_exactly(5), b"begun");
        }
        drop(client);
        eventually("the gateway gives it up", || {
            process.admin.metric("keygate_open_connections").filter(|open| *open == 0.0)
        });
    }
    let lines = parse(&process.terminate());
    assert_eq!(lines.len(), 9, "{lines:?}");

    let fields = |agent: &str, names: &[&str]| -> Vec<Value> {
        let line = line(&lines, agent);
        names.iter().map(|name| line[name].clone()).collect()
    };
    let id = allowed.header("x-request-id").expect("an id");
    let of_allowed = [
        ("request_id", json!(id)),
        ("listener", json!("public")),
        ("client_ip", json!("127.0.0.1")),
        ("method", json!("POST")),
        ("host", json!("gateway.localhost")),
        ("path", json!("/v1/devices/7")),
        ("proto", json!("HTTP/1.1")),
        ("route", json!("devices")),
        ("upstream", json!("api")),
        ("status", json!(201)),
        ("complete", json!(true)),
        ("bytes_in", json!(12)),
        ("bytes_out", json!(5)),
        ("decision", json!("allow")),
        ("reason", json!("ok")),
        ("token_id", json!(token.id)),
        ("account", token.record["account"].clone()),
    ];
    for (name, value) in of_allowed {
        assert_eq!(line(&lines, "allowed")[name], value, "{name}");
    }
    let (took, upstream_took) = (&line(&lines, "allowed")["dur_ms"], &line(&lines, "allowed")["upstream_ms"]);
    assert!(upstream_took.as_f64() > Some(0.0) && took.as_f64() >= upstream_took.as_f64(), "{took} {upstream_took}");
    let begun = line(&lines, "allowed")["ts"].as_str().expect("a time").to_owned();
    assert!(begun.len() == 24 && begun.ends_with('Z'), "{begun}");

    let names = ["status", "decision", "reason", "token_id", "complete"];
    assert_eq!(fields("forbidden", &names), [json!(403), json!("deny"), json!("scope"), json!(token.id), json!(true)]);
    assert_eq!(fields("stranger", &names), [json!(401), json!("deny"), json!("missing"), json!(null), json!(true)]);
    assert_eq!(fields("lost", &names), [json!(404), json!("deny"), json!("no_route"), json!(token.id), json!(true)]);
    assert_eq!(fields("crooked", &names), [json!(400), json!("deny"), json!("bad_request"), json!(null), json!(true)]);
    assert_eq!(fields("crooked", &["reject_reason"]), [json!("path_dot_segment")]);
    let of_odd = ["status", "reason", "reject_reason", "method", "path", "complete"];
    let of_odd = of_odd.map(|name| line(&lines, "")[name].clone());
    let expected = [json!(400), json!("bad_request"), json!("line_end"), json!(""), json!(""), json!(true)];
    assert_eq!(of_odd, expected, "of what could not be read, nothing is written");
    assert_eq!(fields("open", &names), [json!(201), json!("allow"), json!("public"), json!(null), json!(true)]);
    assert_eq!(fields("half", &names), [json!(200), json!("allow"), json!("ok"), json!(token.id), json!(false)]);
    assert_eq!(fields("half", &["bytes_out"]), [json!(5)]);
    assert_eq!(fields("never", &names), [json!(499), json!("allow"), json!("ok"), json!(token.id), json!(false)]);
}

#[test]
fn the_version_of_http_is_told() {
    let upstream = upstream();
    let process = Program::start(Builder::new(&upstream.url()));
    Client::connect(process.proxy).request("GET", "/public/a", &[("User-Agent", "new")], b"");
    let mut old = Client::connect(process.proxy);
    old.send("GET /public/a HTTP/1.0\r\nHost: a\r\nUser-Agent: old\r\n\r\n");
    assert_eq!(old.read_head().status, 201);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let mut asked = get("/public/a");
        asked.headers_mut().insert("user-agent", "framed".parse().expect("a value"));
        let answer = connect(process.proxy).await.send_request(asked).await.expect("an answer");
        assert_eq!(answer.status(), 201);
    });
    let lines = parse(&process.terminate());
    for (agent, version) in [("new", "HTTP/1.1"), ("old", "HTTP/1.0"), ("framed", "HTTP/2")] {
        assert_eq!(line(&lines, agent)["proto"], version, "{agent}");
    }
}

#[test]
fn no_token_is_written_wherever_it_stands() {
    let upstream = upstream();
    let process = Program::start(Builder::new(&upstream.url()));
    let secret = process.admin.create(json!({"name": "t", "grants": {"devices": "write"}})).secret;
    let random = &secret[secret.len() - 36..];
    let bearer = format!("Bearer {secret}");
    let encoded = secret.replace('_', "%5F");
    let paths = [
        format!("/v1/devices/{secret}"),
        format!("/v1/devices/x{secret}y"),
        format!("/v1/devices/{encoded}"),
        format!("/v1/devices/{}", secret.replace('_', "%5f")),
        format!("/v1/devices/7?access_token={secret}&other=1"),
        format!("/public/{secret}/{secret}"),
        format!("/nowhere/{secret}"),
        format!("/v1/devices/%2e%2e/{secret}"),
    ];
    let mut asked = 0;
    for path in &paths {
        for (name, value) in [
            ("Authorization", bearer.as_str()),
            ("Authorization", secret.as_str()),
            ("Authorization", &format!("Basic {secret}")),
            ("User-Agent", &secret),
            ("User-Agent", &format!("curl -H 'Authorization: {bearer}'")),
            ("Referer", &format!("http://a/?t={secret}")),
            ("Cookie", &format!("token={secret}")),
            ("X-Api-Key", &secret),
            ("X-Request-Id", &secret),
            ("X-Forwarded-For", &secret),
        ] {
            Client::connect(process.proxy).request("POST", path, &[(name, value)], b"");
            asked += 1;
        }
    }
    let host = format!("POST /v1/devices/7 HTTP/1.1\r\nHost: {secret}\r\nConnection: close\r\n\r\n");
    let mut client = Client::connect(process.proxy);
    client.send(host);
    client.read_answer("POST");
    let mut client = Client::connect(process.proxy);
    client.send(format!("{secret} / HTTP/1.1\r\nHost: a\r\n\r\n"));
    client.read_answer("POST");
    asked += 2;
    // The same on the other listener, where each refusal and each change leaves a message.
    for path in [format!("/v1/tokens/{secret}"), format!("/{secret}"), format!("/v1/tokens?cursor={secret}")] {
        request(process.admin.address, "GET", &path, Some(&process.admin.token), b"");
        request(process.admin.address, "GET", &path, Some(&secret), b"");
        request(process.admin.address, "GET", &path, None, b"");
    }
    let body = json!({"name": secret, "grants": {secret.as_str(): secret}, "expires": secret, secret.as_str(): 1});
    process.admin.call("POST", "/v1/tokens", Some(body));

    let written = process.terminate();
    assert_eq!(parse(&written).len(), asked, "each request has its line");
    assert!(written.log.iter().any(|line| line.contains("[token]")), "what was taken out is marked");
    assert!(!written.messages.is_empty());
    for line in written.log.iter().chain(&written.messages) {
        assert!(!line.contains(random), "{line}");
    }
}

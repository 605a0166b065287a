//! What reaches the upstream of a request, and the client of a response: byte for byte where nobody has
//! a reason to change it, and never what only the gateway may say.

use std::io::Write;

use crate::support::{Builder, Gateway, Recorded, Then, Upstream, Wire};

/// Names that say who the client is, how it came, or what else it wants; in the spellings that servers
/// are known to take for one another.
const FORGED: [&str; 40] = [
    "x-keygate-account",
    "X-Keygate-Account",
    "X_Keygate_Account",
    "x-keygate_account",
    "x_keygate-account",
    "x.keygate.account",
    "X-KEYGATE-TOKEN",
    "x_keygate_token",
    "X-Keygate-Subject",
    "x_keygate_subject",
    "X-Keygate-Kind",
    "X-Keygate-Access",
    "x-keygate_access",
    "X-Keygate-Filter",
    "X_Keygate_Filter",
    "X-Keygate-Anything-Else",
    "X-Forwarded-For",
    "x_forwarded_for",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X_Forwarded_Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-User",
    "x.forwarded.for",
    "Forwarded",
    "FORWARDED",
    "X-Real-IP",
    "X_Real_IP",
    "X-Original-URL",
    "X-Original-Host",
    "X-Rewrite-URL",
    "X-HTTP-Method-Override",
    "X_HTTP_Method_Override",
    "X-HTTP-Method",
    "X-Method-Override",
    "Proxy-Authorization",
    "Proxy-Connection",
    "Keep-Alive",
    "X-Request-Id",
];

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

/// One request over a connection of its own, and what reached the upstream of it.
#[track_caller]
fn send(gateway: &Gateway, upstream: &Upstream, line: &str, headers: &[(&str, &str)]) -> Recorded {
    let before = upstream.seen().len();
    let mut client = Wire::connect(gateway.proxy);
    client.send_head(line, headers);
    let answer = client.read_answer(line.split(' ').next().unwrap_or_default());
    assert_eq!(answer.status, 200, "{line} {headers:?}: {}", String::from_utf8_lossy(&answer.body));
    assert_eq!(upstream.seen().len(), before + 1);
    upstream.last()
}

#[test]
fn request_lines_pass_as_they_are() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let token = bearer(&gateway.token("full"));
    let long = format!("GET /v1/devices/7?q={}", "x".repeat(8_000));
    for line in [
        "GET /v1/devices/7",
        "GET /v1/devices/7/",
        "GET /v1/devices/7?",
        "GET /v1/devices/7?a=1&a=2&b=%2F..%2f;c=%00%zz|\\^`{}",
        "GET /v1/devices/7?url=http://evil/../x//y?z",
        "GET /v1/devices/a:b@c!$&'()*+,=~-._",
        "GET /v1/devices/caf%C3%A9%20%2561",
        "GET /v1/devices/...",
        "OPTIONS /v1/devices/7",
        "HEAD /v1/devices/7",
        "PUT /v1/devices/7",
        "PATCH /v1/devices/7",
        "DELETE /v1/devices/7",
        &long,
    ] {
        let seen = send(&gateway, &upstream, line, &[("Authorization", &token)]);
        assert_eq!(seen.line, format!("{line} HTTP/1.1"));
    }
}

#[test]
fn a_path_is_sent_in_the_form_that_was_decided_on() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let token = bearer(&gateway.admin.create(serde_json::json!({"name": "d", "grants": {"devices": "full"}})).secret);
    for (sent, seen) in [
        ("/v1/d%65vices/adm%69n", "/v1/devices/admin"),
        ("/%76%31/devices/%7euser?q=%69", "/v1/devices/~user?q=%69"),
        ("/v1/devices/caf%c3%a9", "/v1/devices/caf%C3%A9"),
        ("http://gateway.localhost/v1/devices/7?x=y", "/v1/devices/7?x=y"),
        ("HTTP://GATEWAY.localhost/v1/devices/7", "/v1/devices/7"),
    ] {
        let got = send(&gateway, &upstream, &format!("GET {sent}"), &[("Authorization", &token)]);
        assert_eq!(got.line, format!("GET {seen} HTTP/1.1"), "{sent}");
    }
    let refused = gateway.request("GET", "/v1/f%69les/7", Some(token.trim_start_matches("Bearer ")));
    assert_eq!(refused.status, 403, "an encoded letter hides no resource");
}

#[test]
fn nothing_that_a_client_says_of_itself_arrives() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let token = bearer(&gateway.token("full"));
    for target in ["/v1/devices/7", "/public/7"] {
        for name in FORGED {
            let forged = [(name, "forged-value"), (name, "forged-again"), ("X-Honest", "1")];
            let mut headers = forged.to_vec();
            headers.push(("Authorization", &token));
            let seen = send(&gateway, &upstream, &format!("GET {target}"), &headers);
            let leaked: Vec<_> = seen.headers.iter().filter(|(_, value)| value.contains("forged")).collect();
            assert!(leaked.is_empty(), "{target} {name}: {leaked:?}");
            assert!(seen.count(name) <= 1 && seen.count("x-honest") == 1, "{target} {name}: {:?}", seen.headers);
        }
    }
}

#[test]
fn what_means_this_hop_alone_stays_here() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let token = bearer(&gateway.token("full"));
    let headers = [
        ("Authorization", token.as_str()),
        ("Connection", "keep-alive, X-Private"),
        ("Connection", " x-other ,, te"),
        ("X-Private", "1"),
        ("x-OTHER", "2"),
        ("Keep-Alive", "timeout=5"),
        ("TE", "gzip, trailers"),
        ("Upgrade", "h2c, websocket"),
        ("HTTP2-Settings", "AAMAAABkAAQAoAAAAAIAAAAA"),
        ("Proxy-Connection", "keep-alive"),
        ("Proxy-Authorization", "Basic eDp5"),
        ("Accept", "*/*"),
    ];
    for target in ["/v1/devices/7", "/public/7"] {
        let seen = send(&gateway, &upstream, &format!("GET {target}"), &headers);
        for gone in [
            "connection",
            "x-private",
            "x-other",
            "keep-alive",
            "te",
            "upgrade",
            "http2-settings",
            "proxy-connection",
            "proxy-authorization",
        ] {
            assert_eq!(seen.count(gone), 0, "{target} {gone}: {:?}", seen.headers);
        }
        assert_eq!(seen.header("accept"), Some("*/*"));
    }
}

#[test]
fn the_upstream_is_told_who_asks() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let created =
        gateway.admin.create(serde_json::json!({"name": "x", "grants": {"*": "read", "devices": "read+write"}}));
    let credential = bearer(&created.secret);
    let seen = send(&gateway, &upstream, "GET /v1/devices/7", &[("Authorization", &credential)]);
    assert_eq!(seen.header("x-keygate-account"), created.record["account"].as_str());
    assert_eq!(seen.header("x-keygate-token"), Some(created.id.as_str()));
    assert_eq!(seen.header("x-keygate-kind"), Some("service"));
    assert_eq!(seen.header("x-keygate-access"), Some("read+write"));
    assert_eq!(seen.header("x-keygate-subject"), Some(""));
    assert_eq!(seen.header("x-keygate-filter"), Some(""));
    assert_eq!(seen.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(seen.header("x-forwarded-proto"), Some("http"));
    assert_eq!(seen.header("x-forwarded-host"), Some("gateway.localhost"));
    assert_eq!(seen.count("authorization"), 0, "the credential stays here");
    let everything = format!("{seen:?}");
    assert!(!everything.contains(&created.secret));

    let public = send(&gateway, &upstream, "GET /public/7", &[]);
    for name in ["account", "token", "subject", "kind", "access", "filter"] {
        let name = format!("x-keygate-{name}");
        assert_eq!((public.header(&name), public.count(&name)), (Some(""), 1), "{name}");
    }
    assert_eq!(public.header("x-forwarded-for"), Some("127.0.0.1"));
}

#[test]
fn each_request_has_one_fresh_id_on_both_sides() {
    let upstream = Upstream::answering(
        b"HTTP/1.1 200 OK\r\nX-Request-Id: the-upstreams\r\nx-request-id: again\r\nContent-Length: 0\r\n\r\n",
    );
    let gateway = Gateway::start(&upstream.url());
    let mut ids = Vec::new();
    for target in ["/public/1", "/public/2", "/v1/devices/1"] {
        let mut client = Wire::connect(gateway.proxy);
        client.send_head(&format!("GET {target}"), &[("X-Request-Id", "11111111-1111-7111-8111-111111111111")]);
        let answer = client.read_answer("GET");
        let of_answer: Vec<_> = answer.headers.iter().filter(|(name, _)| name == "x-request-id").collect();
        assert_eq!(of_answer.len(), 1, "{target}: {of_answer:?}");
        let id: uuid::Uuid = of_answer[0].1.parse().unwrap_or_else(|error| panic!("{error}: {of_answer:?}"));
        assert_eq!(id.get_version_num(), 7, "{target}");
        assert_ne!(id.to_string(), "11111111-1111-7111-8111-111111111111");
        match answer.status {
            200 => assert_eq!(upstream.last().header("x-request-id"), Some(of_answer[0].1.as_str()), "{target}"),
            _ => assert_eq!(answer.json()["request_id"], of_answer[0].1, "{target}"),
        }
        ids.push(id);
    }
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert!(ids.is_sorted_by_key(|id| id.get_timestamp().map(|at| at.to_unix())), "{ids:?}");
}

#[test]
fn credentials_of_others_pass_on_public_routes_and_ours_do_not() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let ours = gateway.token("full");
    for foreign in ["Basic dXNlcjpwYXNz", "Digest username=\"x\"", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.abc", "Token abc"] {
        let seen = send(&gateway, &upstream, "GET /public/7", &[("Authorization", foreign)]);
        assert_eq!(seen.header("authorization"), Some(foreign));
    }
    for own in [format!("Bearer {ours}"), format!("bearer   {ours}  ")] {
        let seen = send(&gateway, &upstream, "GET /public/7", &[("Authorization", &own)]);
        assert_eq!(seen.count("authorization"), 0, "{own}");
    }
}

#[test]
fn a_token_of_ours_that_is_hidden_among_credentials_does_not_arrive_either() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let ours = gateway.token("full");
    let own = bearer(&ours);
    let rows: [&[&str]; 6] = [
        &["Basic dXNlcjpwYXNz", &own],
        &[&own, "Basic dXNlcjpwYXNz"],
        &[&own, &own],
        &[&format!("{own}, Basic x")],
        &[&format!("Bearer abc, {own}")],
        &[&format!("Token {ours}")],
    ];
    for lines in rows {
        let mut client = Wire::connect(gateway.proxy);
        let headers: Vec<_> = lines.iter().map(|line| ("Authorization", *line)).collect();
        client.send_head("GET /public/7", &headers);
        let answer = client.read_answer("GET");
        assert!([200, 400].contains(&answer.status), "{answer:?}");
    }
    for seen in upstream.seen() {
        assert!(!format!("{seen:?}").contains(&ours), "a token of ours arrived: {:?}", seen.headers);
    }
}

#[test]
fn the_host_is_the_clients_the_upstreams_or_a_fixed_one() {
    let upstream = Upstream::start();
    let own = upstream.address().to_string();
    for (line, expected) in [
        ("host_header = \"preserve\"", "gateway.localhost"),
        ("host_header = \"upstream\"", own.as_str()),
        ("host_header = \"api.internal:81\"", "api.internal:81"),
    ] {
        let gateway = Builder::new(&upstream.url()).upstream(line).start();
        let seen = send(&gateway, &upstream, "GET /public/7", &[]);
        assert_eq!((seen.header("host"), seen.count("host")), (Some(expected), 1), "{line}");
        assert_eq!(seen.header("x-forwarded-host"), Some("gateway.localhost"), "{line}");
    }
}

#[test]
fn lawful_oddities_pass_untouched() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let cookie = "c".repeat(8 * 1024);
    let mut client = Wire::connect(gateway.proxy);
    client.send(
        [
            b"GET /public/7 HTTP/1.1\r\nhOsT: gateway.localhost\r\nX-Obs: caf\xe9 \xff\tx\r\nX-Empty:\r\nX-Twice: 1\r\nX-Twice: 2\r\n",
            b"X_Custom.Name: kept\r\nCookie: a=1; b=\"2\"; ".as_slice(),
            cookie.as_bytes(),
            b"\r\nAccept-Encoding: gzip\r\nRange: bytes=0-1\r\nX-Api-Key: theirs\r\n\r\n",
        ]
        .concat(),
    );
    assert_eq!(client.read_answer("GET").status, 200);
    let seen = upstream.last();
    assert_eq!(seen.header("x-obs"), Some("caf\u{e9} \u{ff}\tx"));
    assert_eq!(seen.header("x-empty"), Some(""));
    let twice: Vec<_> = seen.headers.iter().filter(|(name, _)| name == "x-twice").map(|(_, v)| v.as_str()).collect();
    assert_eq!(twice, ["1", "2"]);
    assert_eq!(seen.header("x_custom.name"), Some("kept"));
    assert_eq!(seen.header("cookie"), Some(format!("a=1; b=\"2\"; {cookie}").as_str()));
    assert_eq!(seen.header("accept-encoding"), Some("gzip"));
    assert_eq!(seen.header("range"), Some("bytes=0-1"));
    assert_eq!(seen.header("x-api-key"), Some("theirs"));
    assert_eq!(
        seen.count("content-length") + seen.count("transfer-encoding"),
        0,
        "no body was sent: {:?}",
        seen.headers
    );
}

#[test]
fn responses_pass_and_what_means_the_upstreams_hop_does_not() {
    let upstream = Upstream::answering(
        b"HTTP/1.1 299 Odd But Fine\r\nConnection: X-Hop, keep-alive\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
          Proxy-Authenticate: Basic\r\nUpgrade: h2c\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2; Path=/\r\nX-Empty:\r\n\
          X-Obs: \xe9\r\nWWW-Authenticate: Basic realm=\"theirs\"\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok",
    );
    let gateway = Gateway::start(&upstream.url());
    let mut client = Wire::connect(gateway.proxy);
    for _ in 0..2 {
        client.send_head("GET /public/7", &[]);
        assert_eq!(client.read_line().as_deref(), Some("HTTP/1.1 299 Odd But Fine"));
        let mut headers = Vec::new();
        while let Some((name, value)) = client.read_line().expect("a header").split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let all =
            |name: &str| headers.iter().filter(|(have, _)| have == name).map(|(_, v)| v.as_str()).collect::<Vec<_>>();
        for gone in ["connection", "x-hop", "keep-alive", "proxy-authenticate", "upgrade"] {
            assert!(all(gone).is_empty(), "{gone}: {headers:?}");
        }
        assert_eq!(all("set-cookie"), ["a=1", "b=2; Path=/"]);
        assert_eq!((all("x-empty"), all("x-obs")), (vec![""], vec!["\u{e9}"]));
        assert_eq!(all("www-authenticate"), ["Basic realm=\"theirs\""], "the upstream's own challenge is its own");
        assert_eq!(client.read_exactly(2), b"ok", "and the connection goes on");
    }
}

#[test]
fn a_switch_of_protocols_that_nobody_asked_for_is_no_answer() {
    let upstream = Upstream::scripted(|_, stream| {
        let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nraw bytes";
        stream.write_all(switch).expect("the gateway reads");
        Then::Keep
    });
    let gateway = Gateway::start(&upstream.url());
    let mut client = Wire::connect(gateway.proxy);
    let upgrade = [("Connection", "upgrade"), ("Upgrade", "websocket")];
    client.send_head("GET /public/7", &upgrade);
    let answer = client.read_head();
    assert_eq!(answer.status, 502, "{answer:?}");
}

#[test]
fn clients_of_http_1_0_get_answers_that_they_can_read() {
    let upstream =
        Upstream::answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
    let gateway = Gateway::start(&upstream.url());
    let mut client = Wire::connect(gateway.proxy);
    client.send("GET /public/7 HTTP/1.0\r\n\r\n");
    let answer = String::from_utf8(client.read_rest()).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    assert!(head.starts_with("HTTP/1.0 200"), "{head}");
    assert!(!head.to_lowercase().contains("transfer-encoding"), "{head}");
    assert_eq!(body, "abcde");
    assert!(upstream.last().line.ends_with("HTTP/1.1"));
}

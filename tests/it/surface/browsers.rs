//! What a web page can have a browser do to the management API: nothing.

use crate::support::{Answer, Builder, Client, Gateway, Upstream};

fn send(gateway: &Gateway, line: &str, headers: &str, body: &str) -> Answer {
    let mut client = Client::connect(gateway.admin.address);
    client.send(format!("{line} HTTP/1.1\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()));
    client.read_answer("GET")
}

#[test]
fn a_name_that_leads_here_is_no_way_in() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).management("hosts = [\"keygate.internal\"]").start();
    let token = format!("Authorization: Bearer {}\r\n", gateway.admin.token);
    let port = gateway.admin.address.port();
    for target in ["/livez", "/metrics", "/v1/whoami", "/v1/tokens", "/nothing"] {
        for host in [
            "evil.example",
            &format!("evil.example:{port}"),
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "a b",
            "",
        ] {
            let answer = send(&gateway, &format!("GET {target}"), &format!("Host: {host}\r\n{token}"), "");
            assert_eq!((answer.status, answer.problem().as_str()), (421, "other_host"), "{target} {host}");
        }
        let answer =
            send(&gateway, &format!("GET http://evil.example{target}"), &format!("Host: localhost\r\n{token}"), "");
        assert!(answer.status == 421 || answer.status == 400, "{target} {}", answer.status);
        let answer =
            send(&gateway, &format!("GET {target}"), &format!("Host: localhost\r\nHost: evil.example\r\n{token}"), "");
        assert!(answer.status == 421 || answer.status == 400, "{target} {}", answer.status);
    }
    for host in
        ["localhost", "LocalHost:1", "gateway.localhost", "Keygate.Internal", "127.0.0.1", "[::1]:9901", "10.0.0.1"]
    {
        let answer = send(&gateway, "GET /v1/whoami", &format!("Host: {host}\r\n{token}"), "");
        assert_eq!(answer.status, 200, "{host}: {}", answer.text());
    }
    let mut client = Client::connect(gateway.admin.address);
    client.send("GET /livez HTTP/1.0\r\n\r\n");
    assert_eq!(client.read_answer("GET").status, 200, "an old probe names no host");
}

/// A page may send a form anywhere without asking; anything else takes a leave that is never given.
#[test]
fn a_form_of_another_site_does_nothing() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let from = "Host: localhost\r\nOrigin: https://evil.example\r\nSec-Fetch-Site: cross-site\r\n";
    let body = r#"{"login": "ann@example.com", "password": "a password of some length"}"#;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"] {
        let answer = send(&gateway, "POST /v1/sessions", &format!("{from}Content-Type: {kind}\r\n"), body);
        assert_eq!((answer.status, answer.problem().as_str()), (415, "not_json"), "{kind}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    for line in ["POST /v1/tokens", "POST /v1/revoke", "POST /v1/introspect"] {
        let answer =
            send(&gateway, line, &format!("{from}Content-Type: application/x-www-form-urlencoded\r\n"), "token=x");
        assert_eq!(answer.status, 401, "{line}");
    }
    let asked = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n";
    let answer = send(&gateway, "OPTIONS /v1/tokens", &format!("{from}{asked}"), "");
    assert_eq!(answer.status, 401);
    assert!(answer.headers.iter().all(|(name, _)| !name.starts_with("access-control-")), "{:?}", answer.headers);
    assert!(answer.header("set-cookie").is_none());
}

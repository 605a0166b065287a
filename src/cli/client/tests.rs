//! The client against servers that say one thing each.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use serde_json::json;

use super::*;

/// Answers each connection with the next of the texts; gives back what it was sent.
pub(in crate::cli) struct Canned {
    pub url: String,
    thread: JoinHandle<Vec<String>>,
}

impl Canned {
    pub(in crate::cli) fn answering(answers: Vec<String>) -> Canned {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = move |answer: String| {
            let (mut stream, _) = listener.accept().unwrap();
            let request = read_request(&mut stream);
            stream.write_all(answer.as_bytes()).unwrap();
            request
        };
        Canned { url, thread: thread::spawn(move || answers.into_iter().map(answer).collect()) }
    }

    /// Every request, once all answers were given.
    pub(in crate::cli) fn requests(self) -> Vec<String> {
        self.thread.join().unwrap()
    }

    pub(in crate::cli) fn client(&self) -> Client {
        let client = Client::anonymous(&self.url, Trust::System).unwrap();
        Client { token: Some(Zeroizing::new("the-token".to_owned())), ..client }
    }
}

fn read_request(stream: &mut TcpStream) -> String {
    let (mut seen, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        let text = String::from_utf8_lossy(&seen);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return text.into_owned();
            }
        }
        let count = stream.read(&mut buffer).unwrap();
        assert_ne!(count, 0, "the request ended early: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..count]);
    }
}

pub(in crate::cli) fn answer(status: &str, body: &Value) -> String {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let kind = if status.starts_with('2') { "application/json" } else { "application/problem+json" };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nRetry-After: 9\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn a_request_carries_token_and_json() {
    let server = Canned::answering(vec![answer("201 Created", &json!({"id": "tok_1"}))]);
    let made = server.client().post("/v1/tokens", Some(&json!({"name": "ci"}))).unwrap();
    assert_eq!(made["id"], "tok_1");
    let host = server.url.strip_prefix("http://").unwrap().to_owned();
    let request = server.requests().remove(0);
    assert!(request.starts_with("POST /v1/tokens HTTP/1.1\r\n"), "{request}");
    for line in ["authorization: Bearer the-token", "content-type: application/json", &format!("host: {host}")] {
        assert!(request.contains(&format!("\r\n{line}\r\n")), "{line} is not in {request}");
    }
    assert!(request.ends_with("\r\n\r\n{\"name\":\"ci\"}"), "{request}");
}

#[test]
fn what_is_to_be_made_is_asked_for_again_with_the_same_key() {
    let busy = answer("409 Conflict", &json!({"title": "T", "code": "idempotency_in_progress"}));
    // The first connection ends before its answer.
    let server = Canned::answering(vec![String::new(), busy, answer("201 Created", &json!({"id": "tok_1"}))]);
    let made = server.client().create("/v1/tokens", Some(&json!({"name": "ci"})), None).unwrap();
    assert_eq!(made["id"], "tok_1");
    let requests = server.requests();
    let key = |request: &String| {
        let line = request.lines().find(|line| line.starts_with("idempotency-key: "));
        line.unwrap_or_else(|| panic!("no key in {request}")).to_owned()
    };
    assert!(requests.len() == 3 && requests.iter().all(|request| key(request) == key(&requests[0])), "{requests:?}");
}

#[test]
fn whoever_does_not_know_what_was_made_is_told_the_key() {
    for (status, is_told) in [("503 Unavailable", true), ("507 Full", false), ("422 Wrong", false)] {
        let server = Canned::answering(vec![answer(status, &json!({"title": "T"}))]);
        let failure = server.client().create("/v1/tokens", None, Some("my-key")).unwrap_err();
        assert_eq!(failure.text().contains("run it again with --idempotency-key my-key"), is_told, "{status}");
        assert!(server.requests()[0].contains("idempotency-key: my-key"));
    }
}

#[test]
fn no_content_is_null() {
    let server = Canned::answering(vec![answer("204 No Content", &Value::Null)]);
    assert_eq!(server.client().delete("/v1/tokens/x").unwrap(), Value::Null);
    assert!(server.requests()[0].starts_with("DELETE "));
}

#[test]
fn refusals_have_their_code_their_cause_and_the_request() {
    for (status, code) in [("401 Unauthorized", 4), ("404 Not Found", 3), ("409 Conflict", 6), ("507 Full", 75)] {
        let problem = json!({"title": "T", "detail": "the cause", "code": "c", "request_id": "r-7"});
        let server = Canned::answering(vec![answer(status, &problem)]);
        let failure = server.client().get("/v1/whoami").unwrap_err();
        assert_eq!(failure.exit.code(), code, "{status}");
        let text = failure.text();
        assert!(text.starts_with("error: the cause\n") && text.contains("request id: r-7\n"), "{text}");
        server.requests();
    }
}

#[test]
fn too_many_requests_is_try_later_with_the_time() {
    let server = Canned::answering(vec![answer("429 Too Many Requests", &json!({"title": "T"}))]);
    let failure = server.client().get("/v1/whoami").unwrap_err();
    assert_eq!((failure.exit.code(), failure.hint.as_deref()), (75, Some("try again in 9 s")));
}

#[test]
fn nobody_there_is_unreachable_with_the_address() {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
    let failure = Client::anonymous(&format!("http://{free}"), Trust::System).unwrap().get("/").unwrap_err();
    assert_eq!(failure.exit.code(), 69);
    let text = failure.text();
    assert!(text.starts_with(&format!("error: cannot reach http://{free}: Connection refused")), "{text}");
    assert!(text.contains("hint: is `keygate run` up") && text.contains("--admin-url"), "{text}");
}

#[test]
fn a_server_that_hangs_up_or_keeps_silent_is_unreachable_and_the_outcome_unknown() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let hangs_up = thread::spawn(move || {
        drop(listener.accept());
        listener
    });
    let limits = Limits { answer: Duration::from_millis(50), ..LIMITS };
    let client = Client { limits, ..Client::anonymous(&url, Trust::System).unwrap() };
    let failure = client.get("/v1/tokens").unwrap_err();
    assert_eq!(failure.exit.code(), 69, "{}", failure.text());
    // The listener stays open: the connection is made by the kernel, and nobody answers.
    let _listener = hangs_up.join().unwrap();
    let failure = client.post("/v1/tokens", None).unwrap_err();
    assert_eq!(failure.exit.code(), 69);
    let text = failure.text();
    assert!(text.contains("no answer within 0.05 s") && text.contains("whether it was done is not known"), "{text}");
}

#[test]
fn something_else_that_answers_is_named_as_such() {
    let server = Canned::answering(vec!["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello".to_owned()]);
    let failure = server.client().get("/v1/whoami").unwrap_err();
    assert!(failure.text().contains("hint: is this the admin API of a keygate?"), "{}", failure.text());
}

#[test]
fn queries_are_encoded() {
    let parameters = [("a", Some("x y&z=é")), ("b", None), ("c", Some("~"))];
    assert_eq!(with_query("/v1/tokens", &parameters), "/v1/tokens?a=x%20y%26z%3D%C3%A9&c=~");
    assert_eq!(with_query("/v1/tokens", &[("b", None)]), "/v1/tokens");
}

#[test]
fn option_before_variable_before_default() {
    let args = |url: Option<&str>| AdminArgs { admin_url: url.map(str::to_owned), ..AdminArgs::default() };
    let environment = Environment::from([("KEYGATE_ADMIN_URL".to_owned(), "http://b".to_owned())]);
    assert_eq!(url(&args(Some("http://a")), &environment), "http://a");
    assert_eq!(url(&args(None), &environment), "http://b");
    assert_eq!(url(&args(None), &Environment::new()), DEFAULT_URL);
}

/// A TLS server with a certificate of its own for `name`, which answers one request.
fn tls_server(name: &str) -> (String, String, JoinHandle<()>) {
    let issued = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    let key = rustls_pki_types::PrivateKeyDer::try_from(issued.signing_key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![issued.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let url = format!("https://127.0.0.1:{}", listener.local_addr().unwrap().port());
    let thread = thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut connection = rustls::ServerConnection::new(Arc::new(config)).unwrap();
        let mut stream = rustls::Stream::new(&mut connection, &mut socket);
        // A client that does not trust us ends the handshake, and the read fails.
        let mut buffer = [0; 4096];
        if stream.read(&mut buffer).is_ok_and(|count| count > 0) {
            stream.write_all(answer("200 OK", &json!({"tls": true})).as_bytes()).unwrap();
        }
    });
    (url, issued.cert.pem(), thread)
}

#[test]
fn an_own_authority_is_trusted_when_named_and_not_otherwise() {
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    let (url, pem, server) = tls_server("127.0.0.1");
    std::fs::write(&ca, pem).unwrap();
    let client = Client::anonymous(&url, Trust::Authorities(ca.clone())).unwrap();
    assert_eq!(client.get("/v1/whoami").unwrap_or_else(|f| panic!("{}", f.text())), json!({"tls": true}));
    server.join().unwrap();

    let (url, _, server) = tls_server("127.0.0.1");
    let failure = Client::anonymous(&url, Trust::Authorities(ca)).unwrap().get("/").unwrap_err();
    server.join().unwrap();
    assert_eq!(failure.exit.code(), 69);
    assert!(failure.text().contains("--ca FILE"), "{}", failure.text());
}

#[test]
fn the_gateway_s_own_certificate_is_enough_whatever_its_name() {
    let dir = tempfile::tempdir().unwrap();
    let certificate = dir.path().join("certificate.pem");
    let (url, pem, server) = tls_server("gate.example");
    std::fs::write(&certificate, pem).unwrap();
    let pinned = Trust::Exactly(certificate);
    let client = Client::anonymous(&url, pinned.clone()).unwrap();
    assert_eq!(client.get("/readyz").unwrap_or_else(|f| panic!("{}", f.text())), json!({"tls": true}));
    server.join().unwrap();

    let (url, _, server) = tls_server("gate.example");
    assert_eq!(Client::anonymous(&url, pinned).unwrap().get("/readyz").unwrap_err().exit.code(), 69);
    server.join().unwrap();
}

#[test]
fn a_file_without_a_certificate_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let empty = dir.path().join("empty.pem");
    std::fs::write(&empty, "").unwrap();
    let (url, _, server) = tls_server("127.0.0.1");
    let failure = Client::anonymous(&url, Trust::Authorities(empty.clone())).unwrap().get("/").unwrap_err();
    assert!(failure.text().contains(&format!("{}: there is none", empty.display())), "{}", failure.text());
    server.join().unwrap();
}

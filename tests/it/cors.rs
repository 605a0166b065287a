//! Pages of other origins, as browsers let them speak to the gateway and read what it says.

use serde_json::json;

use crate::support::{Answer, Builder, Client, Gateway, Recorded, Upstream};

const APP: &str = "https://app.example.com";
const DEV: &str = "http://localhost:5173";
const EVIL: &str = "https://evil.example";

const ROUTES: &str = r#"
[[route]]
path = "/answer/{*rest}"
resource = "things"
preflight = "answer"
carriers = { header = "X-API-Key", query = "access_token" }
cors = { origins = ["https://app.example.com", "http://localhost:5173"], expose = ["X-Total"], max_age = "1h" }
upstream = "api"

[[route]]
path = "/anybody/{*rest}"
resource = "things"
preflight = "answer"
cors = { origins = ["*"], headers = ["*"] }
upstream = "api"

[[route]]
path = "/cookies/{*rest}"
resource = "things"
methods = ["GET", "DELETE"]
preflight = "answer"
cors = { origins = ["https://app.example.com"], credentials = true, methods = ["DELETE"], headers = ["Authorization"] }
upstream = "api"

[[route]]
path = "/pass/{*rest}"
resource = "things"
carriers = { header = "X-API-Key", query = "access_token" }
cors = { origins = ["https://app.example.com"] }
rate_limit = { quota = 3, window = "1h", key = "route" }
upstream = "api"

[[route]]
path = "/usual/{*rest}"
methods = ["GET", "POST"]
resource = "things"
upstream = "api"

[[route]]
path = "/each/{*rest}"
resource = "things"
rate_limit = { quota = 2, window = "1h" }
upstream = "api"

[[route]]
path = "/token/{*rest}"
resource = "things"
preflight = "authenticate"
cors = { origins = ["https://app.example.com"] }
upstream = "api"

[[route]]
path = "/split/{*rest}"
methods = ["GET"]
resource = "things"
upstream = "api"

[[route]]
path = "/split/{*rest}"
methods = ["OPTIONS"]
resource = "things"
preflight = "authenticate"
upstream = "api"

[[route]]
path = "/open/{*rest}"
methods = ["GET"]
public = true
upstream = "api"
"#;

/// What an upstream says of cross-origin requests that is not to be had with `answer`.
const MARKED: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Total: 7\r\nX-Secret: 1\r\nVary: Accept\r\n\
    Access-Control-Allow-Origin: https://evil.example\r\nAccess-Control-Allow-Credentials: true\r\n\
    Access-Control-Expose-Headers: x-secret\r\nAccess-Control-Allow-Methods: DELETE\r\n\r\nok";

struct Stage {
    upstream: Upstream,
    gateway: Gateway,
    token: String,
}

impl Stage {
    fn new() -> Self {
        let upstream = Upstream::answering(MARKED);
        let gateway = Builder::new(&upstream.url()).routes(ROUTES).start();
        let token = gateway.admin.create(json!({"name": "page", "grants": {"*": "full"}})).secret;
        Self { upstream, gateway, token }
    }

    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = [headers, &[("Connection", "close")]].concat();
        Client::connect(self.gateway.proxy).request(method, target, &headers, b"")
    }

    fn ask(&self, target: &str, origin: &str, method: &str) -> Answer {
        self.send("OPTIONS", target, &[("Origin", origin), ("Access-Control-Request-Method", method)])
    }

    fn arrived(&self) -> Vec<Recorded> {
        self.upstream.take_seen()
    }
}

/// A page, in a browser that keeps to the Fetch standard.
struct Page<'stage> {
    stage: &'stage Stage,
    origin: &'static str,
    /// `credentials: "include"`.
    includes: bool,
}

/// What became of a page's request.
#[derive(Debug, PartialEq, Eq)]
enum Fetched {
    /// The browser did not send it.
    NotAsked(&'static str),
    /// It was sent, and the page may not read what came.
    Unreadable,
    /// What the page may read: status, and names of headers.
    Read(u16, Vec<String>),
}

impl Page<'_> {
    /// Section 4.8 and 4.9: asks, and sends only what was allowed.
    fn fetch(&self, method: &str, target: &str, headers: &[(&str, &str)]) -> Fetched {
        let names: Vec<String> = headers.iter().map(|(name, _)| name.to_lowercase()).collect();
        let simple = ["GET", "HEAD", "POST"].contains(&method) && names.is_empty();
        if !simple {
            let list = names.join(",");
            let mut question = vec![("Origin", self.origin), ("Access-Control-Request-Method", method)];
            if !names.is_empty() {
                question.push(("Access-Control-Request-Headers", &list));
            }
            let answer = self.stage.send("OPTIONS", target, &question);
            if !self.may_read(&answer) {
                return Fetched::NotAsked("origin");
            }
            if !(200..300).contains(&answer.status) {
                return Fetched::NotAsked("status");
            }
            let methods = listed(&answer, "access-control-allow-methods");
            let safe = ["GET", "HEAD", "POST"].contains(&method);
            if !safe && !methods.iter().any(|have| have == method || have == "*" && !self.includes) {
                return Fetched::NotAsked("method");
            }
            let allowed = listed(&answer, "access-control-allow-headers");
            let allows = |name: &String| {
                let any = allowed.iter().any(|have| have == "*") && !self.includes && name != "authorization";
                any || allowed.iter().any(|have| have.eq_ignore_ascii_case(name))
            };
            if !names.iter().all(allows) {
                return Fetched::NotAsked("header");
            }
        }
        let answer = self.stage.send(method, target, &[headers, &[("Origin", self.origin)]].concat());
        if !self.may_read(&answer) {
            return Fetched::Unreadable;
        }
        let exposed = listed(&answer, "access-control-expose-headers");
        let readable = |(name, _): &&(String, String)| exposed.iter().any(|have| have.eq_ignore_ascii_case(name));
        Fetched::Read(answer.status, answer.headers.iter().filter(readable).map(|(name, _)| name.clone()).collect())
    }

    /// Section 4.10.
    fn may_read(&self, answer: &Answer) -> bool {
        let values: Vec<&str> = values(answer, "access-control-allow-origin").collect();
        match values.as_slice() {
            ["*"] if !self.includes => true,
            [origin] if *origin == self.origin => {
                !self.includes || values_are(answer, "access-control-allow-credentials", &["true"])
            }
            _ => false,
        }
    }
}

fn values<'answer>(answer: &'answer Answer, name: &'static str) -> impl Iterator<Item = &'answer str> {
    answer.headers.iter().filter(move |(have, _)| have == name).map(|(_, value)| value.as_str())
}

fn values_are(answer: &Answer, name: &'static str, wanted: &[&str]) -> bool {
    values(answer, name).collect::<Vec<_>>() == wanted
}

fn listed(answer: &Answer, name: &'static str) -> Vec<String> {
    values(answer, name).flat_map(|value| value.split(',')).map(|one| one.trim().to_owned()).collect()
}

fn varies(answer: &Answer) -> bool {
    listed(answer, "vary").iter().any(|name| name.eq_ignore_ascii_case("origin"))
}

#[test]
fn a_page_that_is_named_reads_answers_and_refusals_and_no_other_does() {
    let stage = Stage::new();
    let page = |origin| Page { stage: &stage, origin, includes: false };
    let good = format!("Bearer {}", stage.token);
    let read = |status, names: &[&str]| Fetched::Read(status, names.iter().map(|&name| name.to_owned()).collect());
    for origin in [APP, DEV] {
        for (method, header) in [("GET", "Authorization"), ("DELETE", "Authorization"), ("PUT", "authorization")] {
            let fetched = page(origin).fetch(method, "/answer/7", &[(header, &good)]);
            assert_eq!(fetched, read(200, &["x-total", "x-request-id"]), "{origin} {method}");
        }
        let bad = page(origin).fetch("GET", "/answer/7", &[("Authorization", "Bearer wrong"), ("Content-Type", "a/b")]);
        assert_eq!(bad, read(401, &["www-authenticate", "www-authenticate", "www-authenticate", "x-request-id"]));
        assert_eq!(page(origin).fetch("POST", "/answer/7", &[("X-Api-Key", &stage.token)]), {
            read(200, &["x-total", "x-request-id"])
        });
    }
    assert_eq!(page(APP).fetch("GET", "/answer/7", &[("X-Other", "1")]), Fetched::NotAsked("header"));
    stage.arrived();
    for origin in
        [EVIL, "null", "https://app.example.com.evil.example", "http://app.example.com", "HTTPS://app.example.com"]
    {
        let fetched = page(origin).fetch("GET", "/answer/7", &[("Authorization", &good)]);
        assert_eq!(fetched, Fetched::NotAsked("origin"), "{origin}");
        assert_eq!(page(origin).fetch("GET", "/answer/7", &[]), Fetched::Unreadable, "a simple request: {origin}");
    }
    assert!(stage.arrived().is_empty(), "none of these reached the upstream");
}

#[test]
fn everybody_is_everybody_but_not_with_cookies() {
    let stage = Stage::new();
    let good = format!("Bearer {}", stage.token);
    let fetch = |includes, target, method, headers: &[(&str, &str)]| {
        Page { stage: &stage, origin: APP, includes }.fetch(method, target, headers)
    };
    let sent = [("Authorization", good.as_str()), ("X-Whatever", "1")];
    assert!(matches!(fetch(false, "/anybody/7", "DELETE", &sent), Fetched::Read(200, _)));
    assert_eq!(fetch(true, "/anybody/7", "DELETE", &sent), Fetched::NotAsked("origin"));
    assert!(!varies(&stage.ask("/anybody/7", APP, "GET")), "the answer is the same for all");
    assert!(matches!(fetch(true, "/cookies/7", "DELETE", &sent[..1]), Fetched::Read(200, _)));
    assert_eq!(fetch(true, "/cookies/7", "DELETE", &sent), Fetched::NotAsked("header"));
    assert_eq!(fetch(true, "/cookies/7", "PUT", &sent[..1]), Fetched::NotAsked("origin"), "no route takes PUT there");
}

#[test]
fn the_gateway_answers_in_the_place_of_the_upstream() {
    let stage = Stage::new();
    let answer = stage.ask("/answer/7", APP, "PATCH");
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert!(values_are(&answer, "access-control-allow-origin", &[APP]));
    assert!(values_are(&answer, "access-control-allow-methods", &["GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE"]));
    assert!(values_are(&answer, "access-control-allow-headers", &["authorization, content-type, x-api-key"]));
    assert!(values_are(&answer, "access-control-max-age", &["3600"]));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    assert!(varies(&answer) && answer.header("x-request-id").is_some());
    let other = stage.ask("/answer/7", EVIL, "PATCH");
    assert_eq!(other.status, 204);
    assert!(varies(&other) && !other.headers.iter().any(|(name, _)| name.starts_with("access-control-")), "{other:?}");
    assert!(stage.arrived().is_empty());
    let real = stage.send("GET", "/answer/7", &[("X-API-Key", &stage.token), ("Origin", EVIL)]);
    assert_eq!(real.status, 200, "this protects pages' users, and not the API");
    let told = |name: &str| real.headers.iter().any(|(have, _)| have == name);
    assert!(!told("access-control-allow-origin") && !told("access-control-allow-credentials"), "{real:?}");
    assert!(!told("access-control-expose-headers") && varies(&real), "{real:?}");
    let marked = stage.send("GET", "/answer/7", &[("X-API-Key", &stage.token), ("Origin", APP)]);
    assert_eq!(listed(&marked, "vary"), ["Accept", "origin"]);
}

#[test]
fn only_a_browsers_question_passes_without_a_token() {
    let stage = Stage::new();
    let question = [("Origin", APP), ("Access-Control-Request-Method", "POST")];
    for target in ["/pass/7", "/usual/7", "/open/7", "/each/7"] {
        let method = if target == "/open/7" { "GET" } else { "POST" };
        let answer = stage.ask(target, APP, method);
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
        assert!(values_are(&answer, "access-control-allow-origin", &[EVIL]), "the upstream's word, as it is");
        let seen = stage.arrived();
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].line, format!("OPTIONS {target} HTTP/1.1"));
        for name in ["x-keygate-account", "x-keygate-token", "x-keygate-subject", "x-keygate-access"] {
            assert_eq!(seen[0].header(name), Some(""), "{name}");
        }
    }
    let with = |more: &[(&'static str, &'static str)]| [&question[..], more].concat();
    for headers in [
        vec![],
        vec![question[0]],
        vec![question[1]],
        with(&[("Origin", APP)]),
        with(&[("Access-Control-Request-Method", "POST")]),
        with(&[("Content-Length", "1")]),
        vec![("Origin", ""), question[1]],
        vec![question[0], ("Access-Control-Request-Method", "")],
        vec![question[0], ("Access-Control-Request-Method", "PO ST")],
        vec![question[0], ("Access-Control-Request-Method", "PURGE")],
        vec![question[0], ("Access-Control-Request-Method", "post")],
        vec![question[0], ("Access-Control-Request-Method", "CONNECT")],
        vec![question[0], ("Access_Control_Request_Method", "POST")],
    ] {
        let mut client = Client::connect(stage.gateway.proxy);
        let mut head = "OPTIONS /pass/7 HTTP/1.1\r\nHost: a\r\n".to_owned();
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        client.send(head + "\r\n" + if headers.len() == 3 { "x" } else { "" });
        assert_eq!(client.read_answer("OPTIONS").problem(), "missing_credential", "{headers:?}");
    }
    for method in ["GET", "POST", "HEAD"] {
        assert_eq!(stage.send(method, "/pass/7", &question).status, 401, "{method} is no question");
    }
    for target in ["/token/7", "/split/7", "/nowhere"] {
        assert_eq!(stage.ask(target, APP, "GET").status, 401, "{target}");
    }
    assert_eq!(stage.ask("/usual/7", APP, "DELETE").status, 401, "no route takes what is asked about");
    assert!(stage.arrived().is_empty());
    let asked = [&question[..], &[("X-API-Key", stage.token.as_str())]].concat();
    assert_eq!(
        stage
            .send(
                "OPTIONS",
                "/token/7",
                &[question[0], question[1], ("Authorization", &format!("Bearer {}", stage.token))]
            )
            .status,
        200
    );
    assert_eq!(stage.arrived().len(), 1, "a token may ask");
    // What no browser sends with a question does not get through with it either.
    stage.send("OPTIONS", &format!("/pass/7?access_token={}&a=1", stage.token), &asked);
    let seen = stage.arrived();
    assert_eq!((seen.len(), seen[0].line.as_str()), (1, "OPTIONS /pass/7?a=1 HTTP/1.1"));
    assert!(!format!("{:?}", seen[0].headers).contains(&stage.token), "{:?}", seen[0].headers);
}

#[test]
fn questions_use_up_no_limit_that_all_share() {
    let stage = Stage::new();
    for _ in 0..5 {
        assert_eq!(stage.ask("/pass/7", APP, "GET").status, 200);
    }
    for _ in 0..3 {
        assert_eq!(stage.send("GET", "/pass/7", &[("X-API-Key", &stage.token)]).status, 200);
    }
    let late = Page { stage: &stage, origin: APP, includes: false }.fetch("GET", "/pass/7?a", &[]);
    assert_eq!(
        late,
        Fetched::Read(
            401,
            ["www-authenticate"; 3].map(str::to_owned).into_iter().chain(["x-request-id".to_owned()]).collect()
        )
    );
    let limited = stage.send("GET", "/pass/7", &[("X-API-Key", &stage.token), ("Origin", APP)]);
    assert_eq!((limited.status, limited.header("access-control-allow-origin")), (429, Some(APP)));
    assert_eq!(listed(&limited, "access-control-expose-headers"), ["www-authenticate", "retry-after", "x-request-id"]);
    let by_address: Vec<u16> = (0..3).map(|_| stage.ask("/each/7", APP, "GET").status).collect();
    assert_eq!(by_address, [200, 200, 429]);
}

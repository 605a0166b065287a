//! Tokens that come in other ways than `Authorization: Bearer`, on routes that say so and on routes that do
//! not.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::support::{Answer, Builder, Client, Gateway, Recorded, Upstream};

/// `/all` takes whatever there is, `/key` a header alone and leaves `Authorization` to its upstream,
/// `/usual` says nothing.
const ROUTES: &str = r#"
[[route]]
path = "/all/{*rest}"
resource = "things"
carriers = { token = true, basic = true, header = "X-API-Key", query = "access_token", websocket = true }
websocket = "recheck"
upstream = "api"

[[route]]
path = "/key/{*rest}"
resource = "things"
carriers = { bearer = false, header = "X-API-Key" }
upstream = "api"

[[route]]
path = "/usual/{*rest}"
resource = "things"
upstream = "api"

[[route]]
path = "/open/{*rest}"
public = true
upstream = "api"
"#;

const CHALLENGES: [&str; 6] = [
    "Bearer realm=\"keygate\"",
    "Token realm=\"keygate\"",
    "Basic realm=\"keygate\", charset=\"UTF-8\"",
    "ApiKey realm=\"keygate\", in=\"header\", name=\"x-api-key\"",
    "ApiKey realm=\"keygate\", in=\"query\", name=\"access_token\"",
    "ApiKey realm=\"keygate\", in=\"websocket-protocol\", name=\"base64url.bearer.\"",
];

struct Stage {
    upstream: Upstream,
    gateway: Gateway,
    token: String,
}

/// A credential on its way: what is put behind the path, and which headers.
#[derive(Clone)]
struct Way {
    query: String,
    headers: Vec<(&'static str, String)>,
}

impl Stage {
    fn new() -> Self {
        let upstream = Upstream::start();
        let gateway = Builder::new(&upstream.url()).routes(ROUTES).start();
        let token = gateway.token("full");
        Self { upstream, gateway, token }
    }

    fn send(&self, target: &str, headers: &[(&str, &str)]) -> Answer {
        let headers = [headers, &[("Connection", "close")]].concat();
        Client::connect(self.gateway.proxy).request("GET", target, &headers, b"")
    }

    fn try_way(&self, path: &str, way: &Way) -> Answer {
        let headers: Vec<_> = way.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        self.send(&format!("{path}{}", way.query), &headers)
    }

    #[track_caller]
    fn passes(&self, target: &str, headers: &[(&str, &str)]) -> Recorded {
        self.upstream.take_seen();
        let answer = self.send(target, headers);
        assert_eq!(answer.status, 200, "{target} {headers:?}: {}", answer.text());
        self.upstream.last()
    }

    #[track_caller]
    fn is_refused(&self, target: &str, headers: &[(&str, &str)], code: &str) -> Answer {
        self.upstream.take_seen();
        let answer = self.send(target, headers);
        assert_eq!(answer.problem(), code, "{target} {headers:?}: {}", answer.text());
        assert!(self.upstream.seen().is_empty(), "{target} {headers:?} reached the upstream");
        answer
    }
}

fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}").as_bytes()))
}

fn protocol(token: &str) -> String {
    format!("base64url.bearer.{}", URL_SAFE_NO_PAD.encode(token.as_bytes()))
}

/// Every way in which a token may come to `/all`.
fn ways(token: &str) -> Vec<Way> {
    let header = |name, value| Way { query: String::new(), headers: vec![(name, value)] };
    let query = |query: String| Way { query, headers: Vec::new() };
    let encoded: String = token.bytes().map(|byte| format!("%{byte:02x}")).collect();
    vec![
        header("Authorization", format!("Bearer {token}")),
        header("authorization", format!("bearer  {token}")),
        header("Authorization", format!("Token {token}")),
        header("Authorization", format!("TOKEN {token}")),
        header("Authorization", basic("x-access-token", token)),
        header("Authorization", basic("", token)),
        header("Authorization", basic("a name", token).trim_end_matches('=').to_owned()),
        header("Authorization", basic("", token).replace("Basic", "bAsIc")),
        header("X-API-Key", token.to_owned()),
        header("x-api-key", format!(" {token} ")),
        query(format!("?access_token={token}")),
        query(format!("?a=1&access_token={token}&b=%2F")),
        query(format!("?access_token={encoded}")),
        header("Sec-WebSocket-Protocol", format!("chat, {}, other", protocol(token))),
        header("Sec-WebSocket-Protocol", protocol(token)),
        header(
            "Sec-WebSocket-Protocol",
            protocol(token).replace("base64url.bearer.", "base64url.bearer.authorization.k8s.io.") + ",chat",
        ),
    ]
}

/// Whether what arrived shows a token, in any of the forms in which one comes.
fn shows(seen: &Recorded, token: &str) -> bool {
    let all = format!("{}\n{:?}", seen.line, seen.headers).to_lowercase();
    let inner = &STANDARD.encode(token.as_bytes())[..40];
    let forms = [token.to_owned(), token[8..].to_owned(), inner.to_owned(), "authorization".to_owned()];
    let hidden = ["api-key", "api_key", "access_token", "base64url.bearer", "basic "].map(str::to_owned);
    forms.iter().chain(&hidden).any(|form| all.contains(&form.to_lowercase()))
}

#[test]
fn by_whichever_way_a_token_comes_the_upstream_sees_nothing_of_it() {
    let stage = Stage::new();
    let id = stage.gateway.admin.call("GET", "/v1/tokens?q=full", None).json()["items"][0]["id"].clone();
    for way in ways(&stage.token) {
        let answer = stage.try_way("/all/7", &way);
        assert_eq!(answer.status, 200, "{} {:?}: {}", way.query, way.headers, answer.text());
        let seen = stage.upstream.last();
        assert!(!shows(&seen, &stage.token), "{} {:?}: {seen:?}", way.query, way.headers);
        assert_eq!(seen.header("x-keygate-token"), id.as_str());
        let in_query = !way.query.is_empty();
        assert_eq!(answer.header("referrer-policy"), in_query.then_some("no-referrer"));
        assert_eq!(answer.header("cache-control"), in_query.then_some("private"));
    }
}

#[test]
fn what_stood_beside_a_credential_arrives_as_it_was() {
    let stage = Stage::new();
    let token = stage.token.as_str();
    for (sent, arrived) in [
        (format!("/all/7?access_token={token}"), "/all/7"),
        (format!("/all/7?a=1&access_token={token}"), "/all/7?a=1"),
        (format!("/all/7?access_token={token}&&x=%2a"), "/all/7?&x=%2a"),
        (format!("/all/7?a&access_token={token}&b=+?"), "/all/7?a&b=+?"),
    ] {
        assert_eq!(stage.passes(&sent, &[]).line, format!("GET {arrived} HTTP/1.1"));
    }
    let offered = format!("v1.chat ,{}", protocol(token));
    let seen = stage.passes("/all/7", &[("Sec-WebSocket-Protocol", &offered), ("Sec-WebSocket-Protocol", "v2.chat")]);
    assert_eq!(seen.header("sec-websocket-protocol"), Some("v1.chat, v2.chat"));
    assert_eq!(seen.count("sec-websocket-protocol"), 1);
    let bearer = format!("Bearer {token}");
    let seen = stage.passes("/all/7?q=1", &[("Authorization", &bearer), ("Sec-WebSocket-Protocol", "a,b")]);
    assert_eq!(seen.header("sec-websocket-protocol"), Some("a,b"), "untouched where it held nothing");
    let seen = stage.passes("/usual/7?access_token=x", &[("Authorization", &bearer), ("X-API-Key", "theirs")]);
    assert_eq!(seen.header("x-api-key"), Some("theirs"), "what is no carrier is not the gateway's");
    assert_eq!(seen.line, "GET /usual/7?access_token=x HTTP/1.1");
}

#[test]
fn two_credentials_are_none() {
    let stage = Stage::new();
    let other = stage.gateway.token("full");
    // One of each kind; the last of them is of a kind that holds no token.
    let first = ways(&stage.token);
    let second = [ways(&stage.token), ways(&other), ways("garbage"), vec![foreign()]].concat();
    let mut tried = 0;
    for one in &first {
        for two in second.iter().filter(|two| one.query.is_empty() || two.query.is_empty()) {
            let headers = [one.headers.clone(), two.headers.clone()].concat();
            let both = Way { query: format!("{}{}", one.query, two.query), headers };
            let answer = stage.try_way("/all/7", &both);
            assert_eq!(answer.problem(), "several_credentials", "{} {:?}", both.query, both.headers);
            tried += 1;
        }
    }
    assert!(tried > 500, "{tried}");
    for query in [
        "?access_token=@&access_token=@",
        "?access_token=@&access_token",
        "?access_token=@&Access_Token=@",
        "?access_token=@&access%5Ftoken=@",
        "?access_token=@&access_token[]=@",
        "?a=1%26access_token=@&access_token=@",
    ] {
        stage.is_refused(&format!("/all/7{}", query.replace('@', &stage.token)), &[], "several_credentials");
    }
    let key = stage.token.as_str();
    for twin in ["X_API_Key", "X-Api_Key", "X.API.Key"] {
        stage.is_refused("/key/7", &[("X-API-Key", key), (twin, key)], "several_credentials");
        stage.is_refused("/key/7", &[(twin, key)], "several_credentials");
    }
    assert!(stage.upstream.seen().is_empty());
}

/// A credential of another kind, which alone would be none.
fn foreign() -> Way {
    Way { query: String::new(), headers: vec![("Authorization", "Digest username=x".to_owned())] }
}

#[test]
fn what_holds_no_token_is_malformed() {
    let stage = Stage::new();
    let token = stage.token.as_str();
    for value in [
        "Token".to_owned(),
        "Token a b".to_owned(),
        format!("Token token=\"{token}\""),
        "Basic".to_owned(),
        "Basic %%%".to_owned(),
        "Basic ====".to_owned(),
        format!("Basic {token}"),
        basic(token, ""),
        basic("a", &format!("{token}:")),
        format!("Basic {}", STANDARD.encode(token.as_bytes())),
    ] {
        stage.is_refused("/all/7", &[("Authorization", &value)], "malformed_credential");
    }
    for value in [String::new(), "a b".to_owned(), format!("Bearer {token}"), format!("{token}, {token}")] {
        stage.is_refused("/all/7", &[("X-API-Key", &value)], "malformed_credential");
    }
    for query in [
        "access_token",
        "access_token=",
        "access_token=a%20b",
        "access_token=%FF",
        "Access_Token=@",
        "access-token=@",
        "access_token[]=@",
        "%61ccess_token=@",
        "a=1;access_token=@",
        "a=1%26access_token=@",
        "q=%zz",
    ] {
        let target = format!("/all/7?{}", query.replace('@', token));
        stage.is_refused(&target, &[], "malformed_credential");
        let with = stage.is_refused(&format!("{target}&b=1"), &[], "malformed_credential");
        assert!(!with.text().contains(token));
    }
    for value in ["base64url.bearer.", "base64url.bearer.???", "base64url.bearer.YQ==", "base64url.bearer.w6k"] {
        stage.is_refused("/all/7", &[("Sec-WebSocket-Protocol", value)], "malformed_credential");
    }
}

#[test]
fn each_carrier_is_asked_for_in_a_line_of_its_own() {
    let stage = Stage::new();
    let challenges = |answer: &Answer| -> Vec<String> {
        let lines = answer.headers.iter().filter(|(name, _)| name == "www-authenticate");
        lines.map(|(_, value)| value.clone()).collect()
    };
    for target in ["/all/7", "/nowhere"] {
        let nothing = stage.is_refused(target, &[], "missing_credential");
        assert_eq!(challenges(&nothing), CHALLENGES, "{target}");
        let detail = nothing.json()["detail"].as_str().expect("a text").to_owned();
        assert!(detail.contains("`x-api-key: …`") && detail.contains("`access_token`"), "{detail}");
        assert!(
            detail.starts_with("send a token as `Authorization: Bearer …`, ") && detail.contains(" or "),
            "{detail}"
        );
    }
    let wrong = stage.is_refused("/all/7", &[("X-API-Key", "wrong")], "invalid_token");
    assert_eq!(wrong.status, 401);
    assert!(challenges(&wrong).iter().all(|line| line.contains("error=\"invalid_token\"")), "{wrong:?}");
    let key = stage.is_refused("/key/7", &[], "missing_credential");
    assert_eq!(challenges(&key), [CHALLENGES[3]]);
    let usual = stage.is_refused("/usual/7", &[], "missing_credential");
    assert_eq!(challenges(&usual), [CHALLENGES[0]]);
    stage.is_refused("/nowhere", &[("X-API-Key", &stage.token)], "no_route");
}

#[test]
fn what_is_no_carrier_of_a_route_is_not_read() {
    let stage = Stage::new();
    let token = stage.token.clone();
    for way in ways(&token).iter().filter(|way| !format!("{:?}", way.headers).to_lowercase().contains("bearer ")) {
        let answer = stage.try_way("/usual/7", way);
        assert_eq!(answer.problem(), "missing_credential", "{} {:?}", way.query, way.headers);
    }
    let bearer = format!("Bearer {token}");
    stage.is_refused("/key/7", &[("Authorization", &bearer)], "missing_credential");
    // Where no carrier of the route is in it, `Authorization` is the upstream's; but never with a token of ours.
    let key = ("X-API-Key", token.as_str());
    let password = basic("somebody", "a password");
    for theirs in ["Bearer theirs", "Digest x=\"y\"", password.as_str()] {
        let seen = stage.passes("/key/7", &[("Authorization", theirs), key]);
        assert_eq!(seen.header("authorization"), Some(theirs));
        assert_eq!(seen.header("x-api-key"), None);
    }
    let hidden = basic("somebody", &token);
    for (target, headers) in [
        ("/key/7", vec![("Authorization", bearer.as_str()), key]),
        ("/open/7", vec![("Authorization", hidden.as_str())]),
    ] {
        let seen = stage.passes(target, &headers);
        assert_eq!(seen.header("authorization"), None, "{target}");
    }
}

#[test]
fn an_answer_to_an_address_with_a_token_is_kept_by_nobody_else() {
    let upstream = Upstream::answering(
        b"HTTP/1.1 200 OK\r\nCache-Control: public, s-maxage=600, max-age=60\r\nReferrer-Policy: unsafe-url\r\nContent-Length: 2\r\n\r\nok",
    );
    let gateway = Builder::new(&upstream.url()).routes(ROUTES).start();
    let token = gateway.token("full");
    let by_query = gateway.request("GET", &format!("/all/7?access_token={token}"), None);
    assert_eq!(by_query.header("cache-control"), Some("private, max-age=60"));
    assert_eq!(by_query.header("referrer-policy"), Some("no-referrer"));
    let by_header = gateway.get("/all/7", &token);
    assert_eq!(by_header.header("cache-control"), Some("public, s-maxage=600, max-age=60"), "as the upstream says");
    assert_eq!(by_header.header("referrer-policy"), Some("unsafe-url"));
}

#[test]
fn a_client_that_waits_to_be_asked_sends_its_password() {
    let stage = Stage::new();
    let mut curl = std::process::Command::new("curl");
    curl.args(["--silent", "--show-error", "--anyauth", "--user", &format!("git:{}", stage.token)]);
    let ran = curl.arg(format!("http://{}/all/7", stage.gateway.proxy)).output();
    let ran = ran.expect("curl runs: run ./test, which installs it, or install Debian's curl");
    assert_eq!(String::from_utf8_lossy(&ran.stdout), "{\"ok\":true}", "{}", String::from_utf8_lossy(&ran.stderr));
    assert!(!shows(&stage.upstream.last(), &stage.token));
}

#[test]
fn what_carries_a_token_stands_in_no_trailer() {
    let stage = Stage::new();
    let credential = format!("Bearer {}", stage.token);
    for (trailer, status) in [("X-API-Key: x", 400), ("X_API_Key: x", 400), ("X-Checksum: 7", 200)] {
        let mut client = Client::connect(stage.gateway.proxy);
        client.send(format!(
            "POST /all/1 HTTP/1.1\r\nHost: gateway.localhost\r\nAuthorization: {credential}\r\n\
             Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n{trailer}\r\n\r\n"
        ));
        assert_eq!(client.read_answer("POST").status, status, "{trailer}");
    }
}

#[test]
fn a_protocol_is_no_carrier_where_the_route_does_not_say_so() {
    let stage = Stage::new();
    let offered = protocol("somebody-elses");
    let seen = stage.passes("/key/1", &[("X-API-Key", &stage.token), ("Sec-WebSocket-Protocol", &offered)]);
    assert_eq!(seen.header("sec-websocket-protocol"), Some(offered.as_str()));
}

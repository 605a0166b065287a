//! What is sent, and what must come of it.

/// What must come of a case.
pub enum Expected {
    /// A request with this line arrives, and is answered.
    Passes(String),
    /// The gateway answers for itself, and nothing arrives.
    Status(u16),
    /// The fault is behind what may be a whole request, which has gone on by then: it may arrive, as it was
    /// framed, and nothing else does.
    Broken,
    /// Answered with a fault of the client's, or the stream or the connection ends; and nothing arrives.
    Refused,
}

/// A request: the usual one, changed.
pub struct Case {
    pub row: &'static str,
    pub title: String,
    pub expected: Expected,
    /// Before the other headers: `:method` and its kind.
    pseudo: Vec<(String, String)>,
    headers: Vec<(String, String)>,
    authorized: bool,
    pub data: Vec<String>,
    pub trailers: Vec<(String, String)>,
}

impl Case {
    pub fn new(row: &'static str, title: impl Into<String>) -> Self {
        let pseudo =
            [(":method", "GET"), (":scheme", "http"), (":authority", "gateway.test"), (":path", "/v1/devices/7")];
        Self {
            row,
            title: title.into(),
            expected: Expected::Refused,
            pseudo: pseudo.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            headers: Vec::new(),
            authorized: true,
            data: Vec::new(),
            trailers: Vec::new(),
        }
    }

    /// All header lines, with a token that may do everything.
    pub fn head(&self, token: &str) -> Vec<(String, String)> {
        let token = self.authorized.then(|| ("authorization".to_owned(), format!("Bearer {token}")));
        self.pseudo.iter().cloned().chain(token).chain(self.headers.iter().cloned()).collect()
    }

    pub fn path(self, path: &str) -> Self {
        self.set(":path", path)
    }

    fn set(mut self, name: &str, value: &str) -> Self {
        self.pseudo.iter_mut().filter(|(have, _)| have == name).for_each(|(_, have)| *have = value.to_owned());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.pseudo.retain(|(have, _)| have != name);
        self
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn pseudo(mut self, name: &str, value: &str) -> Self {
        self.pseudo.push((name.to_owned(), value.to_owned()));
        self
    }

    fn body(mut self, pieces: &[&str]) -> Self {
        self.data = pieces.iter().map(|&piece| piece.to_owned()).collect();
        self.set(":method", "POST")
    }

    fn trailer(mut self, name: &str, value: &str) -> Self {
        if self.data.is_empty() {
            self = self.body(&["x"]);
        }
        self.trailers.push((name.to_owned(), value.to_owned()));
        self
    }

    fn passes(mut self, line: &str) -> Self {
        self.expected = Expected::Passes(line.to_owned());
        self
    }

    fn broken(mut self) -> Self {
        self.expected = Expected::Broken;
        self
    }

    fn answered(mut self, status: u16) -> Self {
        self.expected = Expected::Status(status);
        self
    }
}

const GET: &str = "GET /v1/devices/7";
const POST: &str = "POST /v1/devices/7";

pub fn all() -> Vec<Case> {
    [framing(), headers(), pseudo_headers(), hosts(), forms(), trailers(), sizes()].into_iter().flatten().collect()
}

/// F22: what would frame an HTTP/1 message in another way than the frames do.
fn framing() -> Vec<Case> {
    let case = |title: &str| Case::new("F22", title);
    let mut cases = vec![
        case("a length that is right").body(&["abc"]).with("content-length", "3").passes(POST),
        case("no length").body(&["abc"]).passes(POST),
        case("a smaller length").body(&["abc"]).with("content-length", "2"),
        case("a smaller length, in pieces")
            .body(&["a", "bGET /evil HTTP/1.1\r\n\r\n"])
            .with("content-length", "1")
            .broken(),
        case("a larger length").body(&["abc"]).with("content-length", "4"),
        case("a length without a body").with("content-length", "3"),
        case("a length of nothing beside a body")
            .body(&["GET /evil HTTP/1.1\r\nHost: a\r\n\r\n"])
            .with("content-length", "0")
            .broken(),
        case("the same length twice").body(&["abc"]).with("content-length", "3").with("content-length", "3"),
        case("two lengths").body(&["abc"]).with("content-length", "3").with("content-length", "4"),
    ];
    for length in ["+3", "-3", "0x3", "03", "3,3", "3, 4", "3 ", "", "3;x", "18446744073709551619"] {
        cases.push(case(&format!("the length {length:?}")).body(&["abc"]).with("content-length", length));
    }
    for coding in ["chunked", "identity", "gzip, chunked", ""] {
        let body = ["0\r\n\r\nGET /evil HTTP/1.1\r\nHost: a\r\n\r\n"];
        cases.push(case(&format!("transfer-encoding: {coding}")).body(&body).with("transfer-encoding", coding));
    }
    for (name, value) in [
        ("connection", "close"),
        ("connection", "keep-alive"),
        ("connection", "authorization"),
        ("connection", ""),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "websocket"),
        ("upgrade", "h2c"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
    ] {
        cases.push(case(&format!("{name}: {value}")).with(name, value));
    }
    cases.push(case("te: trailers").with("te", "trailers").passes(GET));
    cases.push(case("an underscore in content_length").body(&["abc"]).with("content_length", "2").answered(400));
    cases.push(case("transfer_encoding").body(&["abc"]).with("transfer_encoding", "chunked").answered(400));
    cases
}

/// F22 and I: bytes that would end a line, and names that say who asks.
fn headers() -> Vec<Case> {
    let mut cases = Vec::new();
    for bytes in [
        "\r\nx-evil: 1",
        "\nx-evil: 1",
        "\rx-evil: 1",
        "a\0b",
        "\r\n\r\nGET /evil HTTP/1.1\r\nhost: a\r\n\r\n",
        "\x7f",
        "\x01",
    ] {
        cases.push(Case::new("F22", format!("{bytes:?} in a value")).with("x-value", &format!("a{bytes}")));
    }
    for name in [
        "x y",
        "x:y",
        " x",
        "x ",
        "",
        "x\r\nx-evil",
        "x\0",
        "x\x7f",
        "X-Upper",
        "x\u{e9}",
        "x\t",
        "(x)",
        "x\"y",
        "host:",
        ":x",
    ] {
        cases.push(Case::new("F22", format!("the name {name:?}")).with(name, "1"));
    }
    for name in [
        "x-keygate-account",
        "x_keygate_account",
        "x.keygate.token",
        "x-forwarded-for",
        "x_forwarded_host",
        "forwarded",
        "x-real-ip",
    ] {
        cases.push(Case::new("I2", name).with(name, "forged").passes(GET));
        cases.push(Case::new("I2", format!("{name} twice")).with(name, "forged").with(name, "forged").passes(GET));
    }
    cases.push(Case::new("I5", "two credentials").with("authorization", "Bearer x").answered(400));
    cases.push(Case::new("I9", "a value that is no text").with("x-value", "caf\u{e9}").passes(GET));
    cases
}

/// F22: what stands for the request line.
fn pseudo_headers() -> Vec<Case> {
    let case = |title: &str| Case::new("F22", title);
    let mut cases = vec![
        case("no path").without(":path"),
        case("no method").without(":method"),
        case("no scheme").without(":scheme"),
        case("nothing at all").without(":path").without(":method").without(":scheme").without(":authority"),
        case("two paths").pseudo(":path", "/v1/devices/evil"),
        case("two methods").pseudo(":method", "DELETE"),
        case("two schemes").pseudo(":scheme", "https"),
        case("two authorities").pseudo(":authority", "evil.test"),
        case("a status").pseudo(":status", "200"),
        case("an unknown one").pseudo(":foo", "1"),
        case("a protocol without being told that there are any").pseudo(":protocol", "websocket"),
        case("a path behind the headers").with(":path", "/v1/devices/evil"),
        case("a method behind the headers").without(":method").with(":method", "GET"),
        case("an authority behind the headers").with(":authority", "evil.test"),
        case("upper case").without(":path").pseudo(":PATH", "/v1/devices/7"),
    ];
    for path in [
        "",
        " ",
        "/v1/devices/7 HTTP/1.1\r\nx: y",
        "/v1/devices/ 7",
        "/v1/devices/\r\n7",
        "/v1/devices/7\0",
        "/v1/devices/\t",
        "/v1/devices/7\n",
    ] {
        cases.push(case(&format!("the path {path:?}")).path(path));
    }
    for method in ["", "GET ", "GET /evil HTTP/1.1\r\nhost: a\r\n\r\nGET", "G\0T", "GET\r\n", "G:T", "G\u{e9}T"] {
        cases.push(case(&format!("the method {method:?}")).set(":method", method));
    }
    for method in ["get", "-bl", "PURGE", "TRACE"] {
        cases.push(case(&format!("the method {method:?}")).set(":method", method).answered(405));
    }
    for scheme in ["", "ftp", "http ", "http://x", "ht\r\ntp", "javascript"] {
        cases.push(case(&format!("the scheme {scheme:?}")).set(":scheme", scheme));
    }
    cases
}

/// P2: one host, wherever it stands.
fn hosts() -> Vec<Case> {
    let case = |title: &str| Case::new("P2", title);
    let mut cases = vec![
        case("the same host twice over").with("host", "gateway.test").passes(GET),
        case("a host in place of the authority").without(":authority").with("host", "gateway.test").passes(GET),
        case("another host").with("host", "evil.test").answered(400),
        case("two hosts, one of them right").with("host", "gateway.test").with("host", "evil.test").answered(400),
        case("two equal hosts").with("host", "gateway.test").with("host", "gateway.test").answered(400),
        case("two hosts without an authority").without(":authority").with("host", "a").with("host", "b").answered(400),
        case("neither").without(":authority").answered(400),
        case("an empty host").without(":authority").with("host", ""),
    ];
    for authority in [
        "",
        "user@gateway.test",
        "gateway.test/evil",
        "a b",
        "a,b",
        "gateway.test:99999",
        "gateway.test\r\nx: y",
        "[::1",
        "a\0",
        "gateway.test:80:80",
        "gateway.test?x",
        "gateway.test#x",
    ] {
        cases.push(case(&format!("the authority {authority:?}")).set(":authority", authority));
    }
    cases
}

/// P3 to P7: forms of the target.
fn forms() -> Vec<Case> {
    let case = |row, title: &str| Case::new(row, title);
    let mut cases = vec![
        case("P3", "CONNECT")
            .set(":method", "CONNECT")
            .without(":path")
            .without(":scheme")
            .set(":authority", "internal:22")
            .answered(501),
        case("P3", "CONNECT with a path").set(":method", "CONNECT"),
        case("P3", "CONNECT for a WebSocket that nobody offered")
            .set(":method", "CONNECT")
            .pseudo(":protocol", "websocket"),
        case("P3", "* with GET").path("*").answered(400),
        case("P3", "* with OPTIONS").set(":method", "OPTIONS").path("*").answered(204),
        case("P3", "no slash before").path("v1/devices/7"),
        case("P3", "a whole address").path("http://evil.test/v1/devices/7"),
        case("P6", "an encoded letter").path("/v1/d%65vices/7").passes(GET),
        // The library cuts it off: neither the decision nor the upstream ever sees it.
        case("P7", "a fragment").path("/v1/devices/7#x").passes(GET),
        case("P7", "dots in a query").path("/v1/devices/7?/../evil").passes("GET /v1/devices/7?/../evil"),
    ];
    for path in [
        "/public/../v1/devices/7",
        "/public/%2e%2e/v1/devices/7",
        "/public/.%2E/v1/devices/7",
        "/./v1/devices/7",
        "//v1/devices/7",
        "/v1/devices/..;/7",
        "/v1/devices/7;x=y",
        "/v1/devices%2f7",
        "/v1/devices\\7",
        "/v1/devices/%5c7",
        "/v1/devices/%00",
        "/v1/devices/%0d%0aX:%20y",
        "/v1/devices/%zz",
        "/v1/devices/%c0%af",
        "/v1/devices/caf\u{c3}\u{a9}",
    ] {
        cases.push(case("P4", path).path(path));
    }
    cases
}

/// F18 and I3: what comes behind the body.
fn trailers() -> Vec<Case> {
    let mut cases = vec![
        Case::new("F18", "an honest trailer").trailer("x-checksum", "1").passes(POST),
        Case::new("F18", "an honest trailer that is announced")
            .with("trailer", "x-checksum")
            .trailer("x-checksum", "1")
            .passes(POST),
    ];
    for name in [
        "content-length",
        "transfer-encoding",
        "host",
        "authorization",
        "connection",
        "te",
        "content_length",
        "upgrade",
    ] {
        cases.push(Case::new("F18", format!("the trailer {name}")).trailer(name, "1"));
    }
    for name in [":status", "X-Upper", "x y", "x\r\nevil", ""] {
        cases.push(Case::new("F18", format!("the trailer {name:?}")).trailer(name, "forged"));
    }
    // These the library drops.
    for name in [":path", ":method", ":authority"] {
        cases.push(Case::new("F18", format!("the trailer {name:?}")).trailer(name, "forged").passes(POST));
    }
    for value in ["a\r\nx-evil: 1", "a\0", "a\n"] {
        cases.push(Case::new("F18", format!("the value {value:?} in a trailer")).trailer("x-checksum", value));
    }
    for name in [
        "x-keygate-account",
        "x_keygate_account",
        "x.keygate.token",
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "x-original-url",
    ] {
        cases.push(Case::new("I3", name).with("trailer", name).trailer(name, "forged"));
    }
    cases
}

/// F23: more than anybody needs.
fn sizes() -> Vec<Case> {
    let many = |count: usize, name: fn(usize) -> String, value: &str| {
        let mut case = Case::new("F23", format!("{count} lines such as {}", name(1)));
        for number in 0..count {
            case = case.with(&name(number), value);
        }
        case
    };
    vec![
        Case::new("F23", "a target of 8 kB")
            .path(&format!("/v1/devices/{}", "x".repeat(8_000)))
            .passes(&format!("GET /v1/devices/{}", "x".repeat(8_000))),
        Case::new("F23", "a target of 70 kB").path(&format!("/v1/devices/{}", "x".repeat(70_000))),
        Case::new("F23", "a header of 500 kB").with("x-value", &"x".repeat(500_000)),
        Case::new("F23", "a method of 20 kB").set(":method", &"G".repeat(20_000)),
        many(90, |number| format!("x-{number}"), "1").passes(GET),
        many(101, |number| format!("x-{number}"), "1").answered(431),
        many(101, |_| "x-same".to_owned(), "1").answered(431),
        many(10_000, |number| format!("x-{number}"), ""),
        many(300, |_| "cookie".to_owned(), "a=b").passes(GET),
        many(10_000, |_| "cookie".to_owned(), "a=b"),
    ]
}

//! Promise: not a byte of identity that a client supplies reaches an upstream, in no spelling, in no place.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Frame;
use tokio::runtime::Runtime;

use super::Chances;
use crate::support::h2::{self, Pieces};
use crate::support::{Builder, Gateway, Recorded, Upstream, Wire};

const CASES: usize = 1_000;

/// Names that say who asks, how the request came, or what it is really about.
const NAMES: [&str; 21] = [
    "x-keygate-account",
    "x-keygate-token",
    "x-keygate-subject",
    "x-keygate-kind",
    "x-keygate-access",
    "x-keygate-filter",
    "x-keygate-role",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-user",
    "forwarded",
    "x-real-ip",
    "x-original-url",
    "x-rewrite-url",
    "x-http-method-override",
    "x-request-id",
    // Which the routes below give a meaning.
    "x-scope",
    "x-api-key",
];

/// What some server or other takes for `-`: every other character that a name may have.
const DASHES: &[u8] = b"------__.!~+*'^`|#$%&";

const ROUTES: &str = r#"
[[route]]
path = "/protected/{*rest}"
resource = "things"
filter = { header = "X-Scope" }
carriers = { header = "X-API-Key" }
upstream = "api"

[[route]]
path = "/public/{*rest}"
public = true
upstream = "api"
"#;

/// Where in a request it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    /// With a header before it of the same name, and in another case.
    Twice,
    /// Named by `Connection` too.
    Hop,
    Http10,
    Trailer,
    AnnouncedTrailer,
    Question,
    Http2,
    Http2Trailer,
}

const PLACES: [Place; 9] = [
    Place::Header,
    Place::Twice,
    Place::Hop,
    Place::Http10,
    Place::Trailer,
    Place::AnnouncedTrailer,
    Place::Question,
    Place::Http2,
    Place::Http2Trailer,
];

struct Forgery {
    name: String,
    value: Vec<u8>,
    place: Place,
    target: &'static str,
    with_token: bool,
}

impl Forgery {
    fn new(chances: &mut Chances) -> Self {
        let dash = |chances: &mut Chances| char::from(*chances.one_of(DASHES));
        let name = *chances.one_of(&NAMES);
        // On the public route neither means anything, and is the upstream's.
        let is_of_route = name == "x-api-key" || name == "x-scope";
        let spelled = |chances: &mut Chances, c: char| match c {
            '-' => dash(chances),
            c if chances.random.bool() => c.to_ascii_uppercase(),
            c => c,
        };
        let name: String = name.chars().map(|c| spelled(chances, c)).collect();
        let value = match chances.random.usize(..6) {
            0 => b"forged, forged".to_vec(),
            1 => b"forged\x85".to_vec(),
            2 => b"\xa0forged".to_vec(),
            3 => b"a\tforged  b".to_vec(),
            4 => [b"forged".as_slice(), &vec![b'x'; 4_000]].concat(),
            _ => b"forged".to_vec(),
        };
        let target = *chances.one_of(&["/protected/7", "/public/7"]);
        let place = *chances.one_of(&PLACES);
        let target = if is_of_route { "/protected/7" } else { target };
        Self { name, value, place, target, with_token: target == "/protected/7" || chances.random.bool() }
    }

    fn over_http1(&self, gateway: &Gateway, token: &str) -> u16 {
        let (method, version) = match self.place {
            Place::Question => ("OPTIONS", "1.1"),
            Place::Http10 => ("GET", "1.0"),
            _ => ("POST", "1.1"),
        };
        let line = [self.name.as_bytes(), b": ", &self.value, b"\r\n"].concat();
        let mut head = format!("{method} {} HTTP/{version}\r\nHost: a\r\nX-Honest: 1\r\n", self.target).into_bytes();
        if self.with_token {
            head.extend(format!("Authorization: Bearer {token}\r\n").bytes());
        }
        let (mut body, mut more) = (Vec::new(), Vec::new());
        match self.place {
            Place::Header | Place::Http10 => more.extend(&line),
            Place::Twice => {
                more.extend(&line);
                more.extend(line.to_ascii_uppercase());
            }
            Place::Hop => {
                more.extend(&line);
                more.extend(format!("Connection: close, {}\r\n", self.name).bytes());
            }
            Place::Question => {
                more.extend(&line);
                more.extend(b"Origin: https://a.test\r\nAccess-Control-Request-Method: POST\r\n");
            }
            Place::Trailer | Place::AnnouncedTrailer => {
                if self.place == Place::AnnouncedTrailer {
                    more.extend(format!("Trailer: {}\r\n", self.name).bytes());
                }
                more.extend(b"Transfer-Encoding: chunked\r\n");
                body = [b"1\r\nx\r\n0\r\n", &line[..], b"\r\n"].concat();
            }
            Place::Http2 | Place::Http2Trailer => unreachable!("it is sent over HTTP/2"),
        }
        let mut client = Wire::connect(gateway.proxy);
        client.send([&head[..], &more, b"\r\n", &body].concat());
        client.read_answer(method).status
    }

    /// `None`: the stream was reset.
    async fn over_http2(&self, gateway: &Gateway, token: &str) -> Option<u16> {
        let name = HeaderName::from_bytes(self.name.to_ascii_lowercase().as_bytes()).expect("a lawful name");
        let value = HeaderValue::from_bytes(&self.value).expect("a lawful value");
        let (body, pieces) = Pieces::channel();
        let mut request = h2::request("POST", self.target, pieces);
        let headers = request.headers_mut();
        headers.insert("x-honest", HeaderValue::from_static("1"));
        if self.with_token {
            headers.insert("authorization", HeaderValue::try_from(format!("Bearer {token}")).expect("a token"));
        }
        let mut trailers = HeaderMap::new();
        if self.place == Place::Http2 {
            headers.append(name, value);
        } else {
            headers.insert("trailer", HeaderValue::try_from(name.as_str()).expect("a name"));
            trailers.append(name, value);
        }
        let mut sender = h2::connect(gateway.proxy).await;
        let answer = tokio::spawn(async move { sender.send_request(request).await });
        // Where the gateway has answered already, nobody takes the body.
        body.send(Frame::data(Bytes::from_static(b"x"))).await.ok();
        if !trailers.is_empty() {
            body.send(Frame::trailers(trailers)).await.ok();
        }
        drop(body);
        answer.await.expect("no panic").ok().map(|answer| answer.status().as_u16())
    }
}

fn shows_it(seen: &Recorded) -> bool {
    let bytes = format!("{} {:?} {:?}", seen.line, seen.headers, seen.trailers).to_lowercase();
    bytes.contains("forged")
}

#[test]
fn slow_no_identity_that_a_client_supplies_arrives() {
    let mut chances = Chances::new();
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).routes(ROUTES).start();
    let token = gateway.token("full");
    let runtime = Runtime::new().expect("a runtime");
    let (mut passed, mut refused) = (0, 0);
    for _ in 0..CASES {
        let forgery = Forgery::new(&mut chances);
        let shown = format!(
            "{} ({:?}, {}): {}",
            forgery.name,
            forgery.place,
            forgery.target,
            String::from_utf8_lossy(&forgery.value[..forgery.value.len().min(20)])
        );
        let status = match forgery.place {
            Place::Http2 | Place::Http2Trailer => runtime.block_on(forgery.over_http2(&gateway, &token)),
            _ => Some(forgery.over_http1(&gateway, &token)),
        };
        let seen = upstream.take_seen();
        match status {
            Some(200) => {
                let honest = seen.iter().filter(|seen| seen.header("x-honest") == Some("1")).count();
                assert_eq!((seen.len(), honest), (1, 1), "{shown}: the control arrives");
                passed += 1;
            }
            Some(400) | None => refused += 1,
            Some(status) => panic!("{shown}: {status}"),
        }
        assert!(!seen.iter().any(shows_it), "{shown} arrived: {seen:?}");
    }
    assert!(passed > CASES / 4 && refused > CASES / 20, "{passed} passed, {refused} were refused");
}

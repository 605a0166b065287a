//! A token that is limited to a part of the data, and thousands of generated tries to see more with it,
//! through the gateway to servers that nobody here wrote. Either the gateway refuses, or each server reads
//! for the filter what the token says, and nothing else.
//!
//! The servers are httpbin under gunicorn, a Node server and a Python server: two languages' readers of
//! queries and of forms, each in several ways. Python stands for Go as well, which reads queries as it does and
//! which not every machine has.

mod attempts;
mod readings;

use fastrand::Rng;
use serde_json::{Value, json};

use self::attempts::Attempt;
use self::readings::Reading;
use crate::support::peers::Peer;
use crate::support::{Answer, Builder, Client, Gateway, Upstream};

/// For each server.
const ATTEMPTS: usize = 3_000;
const SITE: &str = "7&8=9 +%é";
const FORM: &str = "region=eu&region=us&site=7%268%3D9%20%2B%25%C3%A9";

/// A way to tell an upstream: its route, and the parameters that are set on it.
struct Way {
    route: &'static str,
    rule: &'static str,
    forced: &'static [(&'static str, &'static [&'static str])],
}

const WAYS: [Way; 4] = [
    Way { route: "each", rule: "query = \"{key}\"", forced: &[("region", &["eu", "us"]), ("site", &[SITE])] },
    Way { route: "under", rule: "query = \"f.{key}\"", forced: &[("f.region", &["eu", "us"]), ("f.site", &[SITE])] },
    Way { route: "one", rule: "query = \"only\"", forced: &[("only", &["region:eu", "region:us", "site:7&8=9 +%é"])] },
    Way { route: "header", rule: "header = \"X-Scope\"", forced: &[] },
];

/// A server, and what it says that it read.
struct Reader {
    name: &'static str,
    peer: Peer,
    read: fn(&Value) -> Vec<Reading>,
}

/// How often a server was asked, and how often the gateway refused.
#[derive(Default)]
struct Counts {
    passed: usize,
    refused: usize,
}

#[test]
fn slow_no_spelling_of_a_parameter_widens_a_filter() {
    let readers = [
        Reader { name: "httpbin", peer: Peer::httpbin(), read: readings::of_httpbin },
        Reader { name: "node", peer: Peer::node("query_server.js"), read: readings::of_script },
        Reader { name: "python", peer: Peer::python("query_server.py"), read: readings::of_script },
    ];
    let gateway = gateway(&readers);
    let filters = json!({"region": ["us", "eu"], "site": SITE});
    let token = gateway.admin.create(json!({"name": "limited", "grants": {"*": "full"}, "filters": filters})).secret;
    std::thread::scope(|scope| {
        let tries = readers.iter().map(|reader| scope.spawn(|| try_all(&gateway, reader, &token)));
        tries.collect::<Vec<_>>().into_iter().for_each(|tried| tried.join().expect("no filter was widened"));
    });
}

#[test]
fn a_filter_that_is_longer_than_servers_take_is_refused() {
    let upstream = Upstream::start();
    let route = |path: &str, rule: &str| {
        format!("[[route]]\npath = \"/{path}\"\nresource = \"data\"\nupstream = \"api\"\nfilter = {{ {rule} }}\n")
    };
    let routes = [route("header", "header = \"X-Scope\""), route("query", "query = \"only\"")].concat();
    let gateway = Builder::new(&upstream.url()).routes(&routes).start();
    let limited_to = |count: usize| {
        let values: Vec<_> = (0..count).map(|number| format!("{number:0>250}")).collect();
        gateway.admin.create(json!({"name": "t", "grants": {"*": "read"}, "filters": {"region": values}})).secret
    };
    let (short, long) = (limited_to(60), limited_to(64));
    for path in ["/header", "/query"] {
        assert_eq!(gateway.get(path, &short).status, 200, "{path}");
        let answer = gateway.get(path, &long);
        assert_eq!((answer.status, answer.problem().as_str()), (403, "filter_not_enforced"), "{path}");
    }
    assert_eq!(upstream.seen().len(), 2);
}

/// Each server behind each way.
fn gateway(readers: &[Reader]) -> Gateway {
    let mut routes = String::new();
    for Reader { name, peer, .. } in readers {
        routes += &format!("[[upstream]]\nname = \"{name}\"\nurl = \"http://{}\"\n", peer.address);
        for Way { route, rule, .. } in WAYS {
            routes += &format!(
                "[[route]]\nname = \"{name}-{route}\"\npath = \"/anything/{name}/{route}\"\nresource = \"data\"\n\
                 upstream = \"{name}\"\nfilter = {{ {rule} }}\n"
            );
        }
    }
    Builder::new("http://127.0.0.1:9").routes(&routes).start()
}

fn try_all(gateway: &Gateway, reader: &Reader, token: &str) {
    let mut random = Rng::with_seed(4);
    let mut client = Client::connect(gateway.proxy);
    for way in WAYS {
        let names = match way.forced {
            [] => vec!["region", "site"],
            forced => forced.iter().map(|(name, _)| *name).collect(),
        };
        let mut counts = Counts::default();
        for _ in 0..ATTEMPTS / WAYS.len() {
            let attempt = Attempt::new(&names, &mut random);
            let (head, answer) = send(&mut client, reader, &way, token, &attempt);
            if answer.header("connection") == Some("close") {
                client = Client::connect(gateway.proxy);
            }
            counts.check(reader, &way, &answer, &format!("{head}{}", attempt.body));
        }
        let Counts { passed, refused } = counts;
        let few = passed.min(refused) * 8 < passed + refused && !way.forced.is_empty();
        assert!(!few && passed > 0, "{}: {passed} passed and {refused} were refused: that shows little", way.route);
    }
}

/// With exactly these bytes; the head that was sent, and the answer.
fn send(client: &mut Client, reader: &Reader, way: &Way, token: &str, attempt: &Attempt) -> (String, Answer) {
    let method = if attempt.body.is_empty() { "GET" } else { "POST" };
    let target = format!("/anything/{}/{}{}", reader.name, way.route, attempt.query);
    let lines: String = attempt.headers.iter().map(|line| format!("{line}\r\n")).collect();
    let length =
        if attempt.body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", attempt.body.len()) };
    let head = format!("{method} {target} HTTP/1.1\r\nHost: gateway.localhost\r\n{lines}{length}");
    client.send(format!("{head}Authorization: Bearer {token}\r\n\r\n{}", attempt.body));
    (head, client.read_answer(method))
}

impl Counts {
    #[track_caller]
    fn check(&mut self, reader: &Reader, way: &Way, answer: &Answer, sent: &str) {
        if answer.header("content-type") == Some("application/problem+json") {
            assert_eq!(answer.status, 400, "{sent}\n{}", answer.text());
            self.refused += 1;
            return;
        }
        assert_eq!(answer.status, 200, "{} answers to {sent}\n{answer:?}", reader.name);
        self.passed += 1;
        let document = answer.json();
        for reading in (reader.read)(&document) {
            if let Some((name, read)) = reading.widened(way.forced) {
                panic!("{}, {}: `{name}` is {read:?} in\n{sent}\n{document:#}", reader.name, reading.way);
            }
        }
        if way.forced.is_empty() {
            assert_eq!(scopes(&document), [FORM], "{}: {sent}\n{document:#}", reader.name);
        }
    }
}

/// The values of all headers that some server takes for `X-Scope`.
fn scopes(document: &Value) -> Vec<String> {
    let headers: Vec<(String, String)> = match &document["headers"] {
        Value::Object(fields) => {
            fields.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned())).collect()
        }
        list => readings::pairs(list),
    };
    headers
        .into_iter()
        .filter(|(name, _)| readings::is_header_read_as(name, "x-scope"))
        .map(|(_, value)| value)
        .collect()
}

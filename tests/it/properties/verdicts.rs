//! A verdict from the cache is the verdict without it: whatever a token was used for before, and wherever.
//!
//! Two gateways serve copies of one store. One remembers every token, the other has room for a single one.

use serde_json::{Value, json};

use super::Chances;
use crate::support::{Answer, Builder, Client, Gateway, Upstream};

const PAIRS: usize = 10_000;
const TOKENS: usize = 120;
const RESOURCES: [&str; 4] = ["a", "b", "c", "d"];
const ACCESS: [&str; 6] = ["none", "read", "write", "read+write", "full", "full"];
const METHODS: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"];

/// Of each resource: plain, with an account in a header, with an action of its own, with either way of
/// telling a filter, with other carriers; and one for everybody.
fn routes() -> String {
    let protected = RESOURCES.iter().flat_map(|resource| {
        [
            ("plain", ""),
            ("account", "account = { header = \"X-Account\" }\n"),
            ("action", "methods = [\"POST\", \"GET\"]\naction = \"delete\"\n"),
            ("query", "filter = { query = \"{key}\" }\n"),
            ("header", "filter = { header = \"X-Scope\" }\naccount = { header = \"X-Account\" }\n"),
            ("key", "carriers = { bearer = false, header = \"X-API-Key\" }\n"),
        ]
        .map(|(kind, lines)| {
            format!("[[route]]\npath = \"/{kind}/{resource}\"\nresource = \"{resource}\"\nupstream = \"api\"\n{lines}")
        })
    });
    let open = "[[route]]\npath = \"/open\"\npublic = true\nupstream = \"api\"\n".to_owned();
    protected.chain([open]).collect()
}

struct World {
    tokens: Vec<String>,
    accounts: Vec<String>,
}

impl World {
    fn new(chances: &mut Chances, gateway: &Gateway) -> Self {
        let admin = &gateway.admin;
        let id = |answer: &Answer| answer.json()["id"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned();
        let own = admin.call("GET", "/v1/whoami", None).json()["account"]["id"].as_str().expect("an id").to_owned();
        let account = |parent: &str, name: &str, more: Value| {
            let mut body = json!({"name": name, "parent": parent});
            body.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            id(&admin.call("POST", "/v1/accounts", Some(body)))
        };
        let seen = account(&own, "seen", json!({}));
        let below = account(&seen, "below", json!({"ceiling": {"a": "read", "b": "full"}}));
        let hidden = account(&own, "hidden", json!({}));
        let suspended = account(&seen, "suspended", json!({}));
        let accounts = vec![own, seen, below, hidden.clone(), suspended.clone()];
        let tokens: Vec<_> = (0..TOKENS).map(|number| token(chances, gateway, &accounts, number)).collect();
        let edit = |account: &str, body: Value| {
            let answer = admin.call("PATCH", &format!("/v1/accounts/{account}"), Some(body));
            assert_eq!(answer.status, 200, "{}", answer.text());
        };
        edit(&hidden, json!({"visible_to_parent": false}));
        edit(&suspended, json!({"state": "suspended"}));
        gateway.clock.step_millis(3_600_000);
        Self { tokens, accounts }
    }
}

/// A token of any state, with rights on some of the resources.
fn token(chances: &mut Chances, gateway: &Gateway, accounts: &[String], number: usize) -> String {
    let mut grants = serde_json::Map::new();
    for resource in RESOURCES.iter().chain(&["*"]) {
        if chances.once_in(if *resource == "*" { 6 } else { 2 }) {
            grants.insert((*resource).to_owned(), json!(chances.one_of(&ACCESS)));
        }
    }
    grants.retain(|_, access| access != "none");
    if grants.is_empty() {
        grants.insert("a".to_owned(), json!("read"));
    }
    let mut body = json!({"name": format!("token {number}"), "account": chances.one_of(accounts), "grants": grants});
    body["expires"] = json!(chances.one_of(&["10m", "90d", "90d", "90d"]));
    if chances.once_in(4) {
        body["filters"] = json!({"region": ["eu"]});
    }
    let created = gateway.admin.create(body);
    match chances.random.usize(..8) {
        0 => drop(gateway.admin.change(&created.id, "disable")),
        1 => drop(gateway.admin.change(&created.id, "revoke")),
        2 => gateway.admin.delete(&created.id),
        _ => {}
    }
    created.secret
}

/// One request, whoever it is sent to.
struct Asked {
    method: &'static str,
    target: String,
    headers: Vec<(&'static str, String)>,
}

impl Asked {
    fn new(chances: &mut Chances, world: &World) -> Self {
        let kind = *chances.one_of(&["plain", "account", "action", "query", "header", "key", "open", "nowhere"]);
        let target = match kind {
            "open" | "nowhere" => format!("/{kind}"),
            _ => format!("/{kind}/{}", chances.one_of(&RESOURCES)),
        };
        let target = if chances.once_in(8) { format!("{target}?region=us") } else { target };
        let token = chances.one_of(&world.tokens).clone();
        let mut headers = match kind {
            "key" => vec![("X-API-Key", token)],
            _ => vec![("Authorization", format!("Bearer {token}"))],
        };
        if chances.once_in(2) {
            headers.push(("X-Account", chances.one_of(&world.accounts).clone()));
        }
        Self { method: *chances.one_of(&METHODS), target, headers }
    }
}

/// One of the two, and what arrives behind it.
struct Side {
    gateway: Gateway,
    client: Client,
}

impl Side {
    fn new(gateway: Gateway) -> Self {
        Self { client: Client::connect(gateway.proxy), gateway }
    }

    /// What a client and an upstream can tell of a verdict, without what is of this very request.
    fn verdict(&mut self, asked: &Asked, upstream: &Upstream) -> (u16, Vec<String>) {
        let headers: Vec<_> = asked.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let answer = self.client.request(asked.method, &asked.target, &headers, b"");
        let mut told: Vec<String> = Vec::new();
        if answer.status >= 400 && asked.method != "HEAD" {
            told.push(answer.problem());
            told.push(answer.json()["detail"].to_string());
        }
        let of_verdict = |name: &str| name == "www-authenticate" || name == "allow" || name == "retry-after";
        let lines = answer.headers.iter().filter(|(name, _)| of_verdict(name));
        told.extend(lines.map(|(name, value)| format!("{name}: {value}")));
        for request in upstream.take_seen() {
            told.push(request.line);
            // The two are of the request and of the process.
            let lines = request.headers.iter().filter(|(name, _)| name != "x-request-id" && name != "via");
            told.extend(lines.map(|(name, value)| format!("{name}: {value}")));
        }
        (answer.status, told)
    }

    fn look_ups(&self, result: &str) -> f64 {
        let line = format!("keygate_cache_lookups_total{{cache=\"tokens\",result=\"{result}\"}}");
        self.gateway.admin.metric(&line).unwrap_or_default()
    }
}

#[test]
fn slow_a_cached_verdict_is_the_uncached_one() {
    let mut chances = Chances::new();
    let upstream = Upstream::start();
    let first = Builder::new(&upstream.url()).routes(&routes()).start();
    let world = World::new(&mut chances, &first);
    let (warm, cold) = first.split(|text| format!("{text}\n[cache]\ntokens = 1\n"));
    let (mut warm, mut cold) = (Side::new(warm), Side::new(cold));
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    for _ in 0..PAIRS {
        let asked = Asked::new(&mut chances, &world);
        let cached = warm.verdict(&asked, &upstream);
        let uncached = cold.verdict(&asked, &upstream);
        assert_eq!(cached, uncached, "{} {} {:?}", asked.method, asked.target, asked.headers);
        *statuses.entry(cached.0).or_default() += 1;
    }
    for status in [200, 401, 403, 404, 405] {
        assert!(statuses.get(&status).is_some_and(|&count| count >= 50), "{statuses:?}");
    }
    let (hits, misses) = (warm.look_ups("hit"), cold.look_ups("miss"));
    assert!(hits > 5_000.0 && warm.look_ups("miss") <= TOKENS as f64, "the one remembers: {hits}");
    // What it has no room for goes now and then, and not at once.
    assert!(misses > 4_000.0, "the other forgets: {misses}");
}

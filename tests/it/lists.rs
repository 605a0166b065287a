//! Lists over real sockets: paged while others make and delete, filtered and sorted as a reference here says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::crash::Line;
use crate::support::{Admin, Gateway, Upstream};

const MAKERS: usize = 8;

fn line(admin: &Admin) -> Line {
    Line::connect(admin.address, &admin.token).expect("a connection")
}

fn get(line: &mut Line, target: &str) -> Value {
    let (status, page) = line.call("GET", target, None).expect("an answer");
    assert_eq!(status, 200, "{target}: {page}");
    page
}

/// Every object of the list, page by page.
fn walk(line: &mut Line, path: &str, query: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(line, &format!("{path}?limit={limit}&{query}{cursor}"));
        let items = page["items"].as_array().expect("a list");
        assert!(items.len() <= limit, "{} of {limit}", items.len());
        found.extend(items.iter().cloned());
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

fn ids(items: &[Value]) -> Vec<String> {
    items.iter().map(|item| text(&item["id"])).collect()
}

fn make(line: &mut Line, path: &str, body: Value) -> Value {
    let (status, record) = line.call("POST", path, Some(body)).expect("an answer");
    assert_eq!(status, 201, "{record}");
    record
}

/// So many tokens, made by several clients at once.
fn make_tokens(address: SocketAddr, token: &str, count: usize) -> Vec<String> {
    thread::scope(|scope| {
        let one = |line: &mut Line, number: usize| {
            let name = format!("{}{number:05}", if number.is_multiple_of(2) { "Even" } else { "odd" });
            text(&make(line, "/v1/tokens", json!({"name": name, "grants": {"*": "read"}, "expires": "never"}))["id"])
        };
        let making: Vec<_> = (0..MAKERS)
            .map(|maker| {
                scope.spawn(move || {
                    let mut line = Line::connect(address, token).expect("a connection");
                    (maker..count).step_by(MAKERS).map(|number| one(&mut line, number)).collect::<Vec<_>>()
                })
            })
            .collect();
        making.into_iter().flat_map(|maker| maker.join().expect("made")).collect()
    })
}

/// Says that it is over, also where a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// No page repeats a token, and none leaves out one that was there from the first page to the last.
#[test]
fn slow_five_thousand_tokens_are_paged_while_others_come_and_go() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let admin = &gateway.admin;
    let mut lasting: BTreeSet<String> = make_tokens(admin.address, &admin.token, 5_000).into_iter().collect();
    let doomed: Vec<String> = lasting.iter().step_by(5).cloned().collect();
    lasting.retain(|id| !doomed.contains(id));
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut line, mut doomed) = (line(admin), doomed.iter());
            let mut number = 0;
            while !over.load(Ordering::SeqCst) {
                number += 1;
                make(&mut line, "/v1/tokens", json!({"name": format!("new{number}"), "grants": {"*": "read"}}));
                if let Some(id) = doomed.next() {
                    let (status, _) = line.call("DELETE", &format!("/v1/tokens/{id}"), None).expect("an answer");
                    assert_eq!(status, 204);
                }
            }
        });
        let _ends = Over(&over);
        let mut line = line(admin);
        for sort in ["created", "-created", "name", "-name", "expires", "-last_used"] {
            let found = ids(&walk(&mut line, "/v1/tokens", &format!("fields=id&sort={sort}"), 200));
            let once: BTreeSet<String> = found.iter().cloned().collect();
            assert_eq!(once.len(), found.len(), "{sort}: a token stands in two pages");
            let missing: Vec<_> = lasting.difference(&once).take(5).collect();
            assert!(missing.is_empty(), "{sort}: left out {missing:?}");
        }
    });
    let mut line = line(admin);
    let page = get(&mut line, "/v1/tokens?q=EVEN&count=true&limit=1");
    let all = walk(&mut line, "/v1/tokens", "", 200);
    assert_eq!(page["count"], all.iter().filter(|token| text(&token["name"]).starts_with("Even")).count());
}

/// A tree of accounts and users with names, labels, states and roles by chance.
struct Town {
    accounts: Vec<Value>,
    users: Vec<Value>,
}

fn town(line: &mut Line, rng: &mut Rng) -> Town {
    let root = get(line, "/v1/whoami")["account"].clone();
    let mut accounts = vec![root.clone()];
    for number in 0..24 {
        let mut body = json!({"name": format!("{} {number}", ["Plant", "plant", "Office", "Ähre"][rng.usize(..4)])});
        let parent = rng.usize(..accounts.len());
        body["parent"] = accounts[parent]["id"].clone();
        if rng.bool() {
            let env = ["prod", "test", "dev"][rng.usize(..3)];
            body["labels"] = json!({"env": env, "n": number.to_string()});
        }
        let mut account = make(line, "/v1/accounts", body);
        if rng.u8(..4) == 0 {
            let path = format!("/v1/accounts/{}", text(&account["id"]));
            account = line.call("PATCH", &path, Some(json!({"state": "suspended"}))).expect("an answer").1;
        }
        accounts.push(account);
    }
    let mut users = Vec::new();
    for number in 0..24 {
        let login = format!("{}{number}@example.org", ["ada", "grace", "alan"][rng.usize(..3)]);
        let account = accounts[[0, 0, 1, 2][rng.usize(..4)]]["id"].clone();
        let name = ["Ada", "ALAN", "", "grace"][rng.usize(..4)];
        let mut body = json!({"login": login, "name": name, "account": account});
        if rng.bool() {
            let role = ["viewer", "admin"][rng.usize(..2)];
            body["roles"] = json!([role]);
        }
        let mut user = make(line, "/v1/users", body);
        if rng.u8(..4) == 0 {
            let path = format!("/v1/users/{}", text(&user["id"]));
            user = line.call("PATCH", &path, Some(json!({"state": "disabled"}))).expect("an answer").1;
        }
        users.push(user);
    }
    Town { accounts, users }
}

type Test<'a> = (&'a str, &'a dyn Fn(&Value) -> bool);
/// What stands before the id in the order.
type Key<'a> = (&'a str, &'a dyn Fn(&Value) -> String);

/// Every filter, in every order, in pages of several sizes, against those of `all` that are meant.
#[track_caller]
fn agrees(line: &mut Line, path: &str, base: &str, all: &[Value], tests: &[Test<'_>], keys: &[Key<'_>]) -> usize {
    let mut found = 0;
    for (query, is_meant) in tests {
        for (sort, key) in keys {
            let mut meant: Vec<_> = all.iter().filter(|item| is_meant(item)).collect();
            meant.sort_by_key(|item| (key(item).to_ascii_lowercase(), text(&item["id"])));
            for descending in [false, true] {
                if descending {
                    meant.reverse();
                }
                let sort = format!("{}{sort}", if descending { "-" } else { "" });
                let expected: Vec<_> = meant.iter().map(|item| text(&item["id"])).collect();
                for limit in [1, 7, 200] {
                    let query = format!("{base}{query}&sort={sort}");
                    assert_eq!(ids(&walk(line, path, &query, limit)), expected, "{path} {query} limit={limit}");
                }
                let page = get(line, &format!("{path}?{base}{query}&sort={sort}&count=true&limit=1"));
                assert_eq!(page["count"], expected.len(), "{path} {query}");
                found += expected.len();
            }
        }
    }
    found
}

fn has(item: &Value, field: &str, wanted: &str) -> bool {
    text(&item[field]).to_lowercase().contains(wanted)
}

fn name(item: &Value) -> String {
    text(&item["name"])
}

fn created(_: &Value) -> String {
    String::new()
}

#[test]
fn accounts_are_filtered_and_sorted_as_a_reference_says() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let mut line = line(&gateway.admin);
    let Town { accounts, .. } = town(&mut line, &mut Rng::with_seed(7));
    let parents: BTreeMap<String, Option<String>> =
        accounts.iter().map(|account| (text(&account["id"]), account["parent"].as_str().map(str::to_owned))).collect();
    let top = text(&accounts[1]["id"]);
    let is_below = |account: &Value| {
        let mut at = Some(text(&account["id"]));
        while let Some(id) = at {
            if id == top {
                return true;
            }
            at = parents[&id].clone();
        }
        false
    };
    let (in_top, parent) = (format!("account={top}"), format!("parent={top}"));
    let env = |account: &Value| account["labels"]["env"].as_str().map(str::to_owned);
    let tests: &[Test<'_>] = &[
        ("", &|_| true),
        (&in_top, &is_below),
        (&parent, &|account| account["parent"] == top.as_str()),
        ("state=suspended", &|account| account["state"] == "suspended"),
        ("state=active,suspended", &|_| true),
        ("q=PLANT", &|account| has(account, "name", "plant")),
        ("q=%C3%A4HRE", &|account| has(account, "name", "ähre")),
        ("label=env%3Dprod", &|account| env(account).as_deref() == Some("prod")),
        ("label=env%21%3Dprod", &|account| env(account).as_deref() != Some("prod")),
        ("label=env", &|account| env(account).is_some()),
        ("label=%21env", &|account| env(account).is_none()),
        ("label=env%20in%20(prod,test)", &|account| env(account).is_some_and(|env| env != "dev")),
        ("label=env%20notin%20(prod,test)", &|account| env(account).is_none_or(|env| env == "dev")),
        ("label=env&label=n%21%3D3", &|account| env(account).is_some() && account["labels"]["n"] != "3"),
        ("state=active&q=office&label=env", &|account| {
            account["state"] == "active" && has(account, "name", "office") && env(account).is_some()
        }),
        ("plan=gold", &|_| false),
    ];
    let found = agrees(&mut line, "/v1/accounts", "", &accounts, tests, &[("created", &created), ("name", &name)]);
    assert!(found > 300, "{found}");
}

#[test]
fn users_and_members_are_filtered_and_sorted_as_a_reference_says() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let mut line = line(&gateway.admin);
    let Town { accounts, users } = town(&mut line, &mut Rng::with_seed(11));
    let root = text(&accounts[0]["id"]);
    let role = |user: &Value, role: &str| {
        user["memberships"].as_array().expect("a list").iter().any(|of| of["roles"][0] == role)
    };
    let tests: &[Test<'_>] = &[
        ("", &|_| true),
        ("state=disabled", &|user| user["state"] == "disabled"),
        ("role=admin", &|user| role(user, "admin")),
        ("role=nobody", &|_| false),
        ("q=ADA", &|user| has(user, "login", "ada") || has(user, "name", "ada")),
        ("state=active&role=viewer&q=example", &|user| user["state"] == "active" && role(user, "viewer")),
    ];
    let login = |user: &Value| text(&user["login"]);
    let keys: &[Key<'_>] = &[("created", &created), ("name", &name), ("login", &login)];
    let found = agrees(&mut line, "/v1/users", "below=true&", &users, tests, keys);
    let at_root: Vec<_> = users.iter().filter(|user| user["account"] == root.as_str()).cloned().collect();
    assert!(at_root.len() < users.len());
    agrees(&mut line, "/v1/users", "", &at_root, tests, keys);
    let members: Vec<_> = at_root
        .iter()
        .filter(|user| user["memberships"] != json!([]))
        .map(|user| {
            json!({"id": user["id"], "user": user["id"], "login": user["login"], "name": user["name"],
                           "state": user["state"], "memberships": user["memberships"]})
        })
        .collect();
    let path = format!("/v1/accounts/{root}/members");
    for (query, is_meant) in tests {
        let found: Vec<_> = walk(&mut line, &path, &format!("{query}&sort=login"), 3)
            .iter()
            .map(|member| text(&member["login"]))
            .collect();
        let mut meant: Vec<_> = members.iter().filter(|member| is_meant(member)).map(login).collect();
        meant.sort();
        assert_eq!(found, meant, "{query}");
    }
    assert!(found > 200 && !members.is_empty(), "{found}");
}

const DAY: i64 = 86_400_000;

#[test]
fn slow_tokens_are_filtered_and_sorted_as_a_reference_says() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let mut rng = Rng::with_seed(13);
    let everything = json!({"*": "full", "keygate.*": "full"});
    let maker = gateway.admin.create(json!({"name": "maker", "grants": everything, "expires": "never"}));
    let mut lines = [line(&gateway.admin), Line::connect(gateway.admin.address, &maker.secret).expect("a connection")];
    for number in 0..24 {
        if number == 12 {
            gateway.clock.step_millis(2 * DAY);
        }
        let (name, env) = (["Alpha", "beta", "ALPHA", "Ähre"][rng.usize(..4)], ["prod", "test"][rng.usize(..2)]);
        let expires = ["1d", "10d", "30d", "never"][rng.usize(..4)];
        let mut body = json!({"name": name, "grants": {"devices": "read"}, "labels": {"lot": "1"}, "expires": expires});
        if rng.bool() {
            body["labels"]["env"] = env.into();
            body["description"] = format!("of {env}").into();
        }
        if rng.u8(..3) == 0 {
            (body["kind"], body["filters"]) = ("shared".into(), json!({"region": "eu"}));
        }
        let token = make(&mut lines[rng.usize(..2)], "/v1/tokens", body);
        if let Some(verb) = ["disable", "revoke"].get(rng.usize(..5)) {
            gateway.admin.change(&text(&token["id"]), verb);
        }
    }
    let line = &mut lines[0];
    let all = walk(line, "/v1/tokens", "label=lot", 200);
    assert_eq!(all.len(), 24);
    let now = gateway.clock.wall();
    let (soon, lately) = (now.plus(std::time::Duration::from_secs(15 * 86_400)).to_string(), now.millis() - DAY);
    let lately = keygate::model::Timestamp::from_millis(lately).to_string();
    let env = |token: &Value| token["labels"]["env"].as_str().map(str::to_owned);
    let is = |token: &Value, states: &[&str]| states.contains(&&*text(&token["state"]));
    let expires = |token: &Value| token["expires"].as_str().map_or("~".to_owned(), str::to_owned);
    let by_maker = format!("created_by={}", maker.id);
    let tests: &[Test<'_>] = &[
        ("", &|_| true),
        ("state=active", &|token| is(token, &["active"])),
        ("state=revoked,expired,disabled", &|token| is(token, &["revoked", "expired", "disabled"])),
        ("kind=shared", &|token| token["kind"] == "shared"),
        ("kind=personal,session", &|_| false),
        (&by_maker, &|token| token["created_by"] == maker.id.as_str()),
        ("unused_for=1d", &|token| text(&token["created"]) < lately),
        ("expires_within=15d", &|token| (now.to_string()..=soon.clone()).contains(&expires(token))),
        ("q=%C3%84hre", &|token| has(token, "name", "ähre")),
        ("q=OF%20PROD", &|token| has(token, "description", "of prod")),
        ("label=env%20in%20(prod)", &|token| env(token).as_deref() == Some("prod")),
        ("label=env%21%3Dprod", &|token| env(token).as_deref() != Some("prod")),
        ("label=%21env&state=active&kind=service", &|token| {
            env(token).is_none() && is(token, &["active"]) && token["kind"] == "service"
        }),
    ];
    let keys: &[Key<'_>] = &[("created", &created), ("name", &name), ("expires", &expires)];
    let found = agrees(line, "/v1/tokens", "label=lot&", &all, tests, keys);
    assert!(found > 400, "{found}");
}

/// A cursor is good for the list and the order that it was given out for, and no other text is one.
#[test]
fn cursors_that_were_not_given_out_for_this_list_are_refused() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let mut line = line(&gateway.admin);
    town(&mut line, &mut Rng::with_seed(3));
    make_tokens(gateway.admin.address, &gateway.admin.token, 16);
    let lists = ["/v1/tokens", "/v1/accounts", "/v1/users"];
    let cursors = lists.map(|path| text(&get(&mut line, &format!("{path}?limit=2&sort=name"))["next"]));
    let mut refused = 0;
    let mut refuse = |path: &str, sort: &str, cursor: &str, why: &str| {
        let target = format!("{path}?limit=2&sort={sort}&cursor={cursor}");
        let (status, problem) = line.call("GET", &target, None).expect("an answer");
        assert_eq!((status, &problem["code"]), (400, &json!("invalid_query")), "{target}: {problem}");
        assert_eq!(problem["errors"][0]["field"], "cursor", "{problem}");
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains(why)), "{target}: {problem}");
        refused += 1;
    };
    for (at, path) in lists.iter().enumerate() {
        refuse(path, "-name", &cursors[at], "in another order");
        refuse(path, "created", &cursors[at], "in another order");
        refuse(path, "name", &cursors[(at + 1) % 3], "of another list");
        let mut altered = cursors[at].clone().into_bytes();
        let last = altered.len() - 1;
        altered[last] = if altered[last] == b'0' { b'1' } else { b'0' };
        refuse(path, "name", &String::from_utf8(altered).expect("ASCII"), "not the `next`");
        for forged in ["x", "00", &cursors[at][2..], &cursors[at].to_uppercase(), "acc_0000000000000000000000"] {
            refuse(path, "name", forged, "not the `next`");
        }
    }
    assert_eq!(refused, 27);
    for (path, cursor) in lists.iter().zip(&cursors) {
        get(&mut line, &format!("{path}?limit=2&sort=name&cursor={cursor}"));
    }
}

/// `fields` shows what it names, everywhere; what there is not is refused with what there is.
#[test]
fn fields_are_those_that_were_asked_for() {
    let upstream = Upstream::start();
    let gateway = Gateway::start(&upstream.url());
    let mut line = line(&gateway.admin);
    let Town { accounts, users } = town(&mut line, &mut Rng::with_seed(5));
    let account = text(&accounts[0]["id"]);
    let (one, member) = (format!("/v1/accounts/{account}"), format!("/v1/accounts/{account}/members"));
    let user = format!("/v1/users/{}", text(&users[0]["id"]));
    for path in ["/v1/tokens", "/v1/accounts", "/v1/users", &one, &member, &user] {
        let page = get(&mut line, &format!("{path}?fields=name,state"));
        let items = page["items"].as_array().cloned().unwrap_or_else(|| vec![page.clone()]);
        assert!(!items.is_empty(), "{path}");
        for item in items {
            let names: Vec<_> = item.as_object().expect("an object").keys().cloned().collect();
            assert_eq!(names, ["name", "state"], "{path}");
        }
        for wrong in ["nmae", "", "name,,state", "name;state", "digest"] {
            let (status, problem) = line.call("GET", &format!("{path}?fields={wrong}"), None).expect("an answer");
            assert_eq!(status, 400, "{path} {wrong}: {problem}");
            let message = text(&problem["errors"][0]["message"]);
            assert!(message.contains("is no field. There are: ") && message.contains(", name, "), "{message}");
        }
    }
}

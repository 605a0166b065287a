//! Many tokens revoked by one call, while others work, and when it is cut off.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use crate::crash::Line;
use crate::support::binary::{Install, Served, done};
use crate::support::{Builder, Upstream, eventually};

const PATH: &str = "/v1/tokens/revoke";
const MAKERS: usize = 16;

/// So many tokens with the label `env=old`: ids and texts.
fn make(admin: SocketAddr, token: &str, count: usize) -> Vec<(String, String)> {
    let body = json!({"name": "bulk", "grants": {"*": "read"}, "labels": {"env": "old"}, "expires": "never"});
    thread::scope(|scope| {
        let making: Vec<_> = (0..MAKERS)
            .map(|_| {
                let body = &body;
                scope.spawn(move || {
                    let mut line = Line::connect(admin, token).expect("a connection");
                    let mut one = || {
                        let (status, record) = line.call("POST", "/v1/tokens", Some(body.clone())).expect("an answer");
                        assert_eq!(status, 201, "{record}");
                        (text(&record["id"]), text(&record["token"]))
                    };
                    (0..count / MAKERS).map(|_| one()).collect::<Vec<_>>()
                })
            })
            .collect();
        making.into_iter().flat_map(|maker| maker.join().expect("made")).collect()
    })
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// How many tokens are as the query says.
fn count(line: &mut Line, query: &str) -> u64 {
    let (status, page) = line.call("GET", &format!("/v1/tokens?count=true&limit=1&{query}"), None).expect("an answer");
    assert_eq!(status, 200, "{page}");
    page["count"].as_u64().expect("a number")
}

/// Says that it is over, also where a test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// While they are revoked, requests pass and other changes are made; afterwards none of them passes.
#[test]
fn slow_ten_thousand_tokens_are_revoked_while_others_work() {
    let upstream = Upstream::start();
    let gateway = Builder::new(&upstream.url()).start();
    let (admin, token) = (gateway.admin.address, gateway.admin.token.as_str());
    let tokens = make(admin, token, 10_000);
    // Known to the cache before, so that it has to be told.
    let known: Vec<_> = tokens.iter().step_by(100).collect();
    known.iter().for_each(|(_, text)| assert_eq!(gateway.get("/v1/devices", text).status, 200));
    let survivor = gateway.token("read");

    let (under_way, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let (passed, made) = thread::scope(|scope| {
        scope.spawn(|| {
            let _ends = Over(&over);
            let mut line = Line::connect(admin, token).expect("a connection");
            under_way.store(true, Ordering::SeqCst);
            let body = json!({"label": "env=old", "expect": tokens.len()});
            let (status, done) = line.call("POST", PATH, Some(body)).expect("an answer");
            under_way.store(false, Ordering::SeqCst);
            assert_eq!((status, &done["revoked"]), (200, &json!(tokens.len())), "{done}");
        });
        let proxying = scope.spawn(|| {
            let mut passed = 0;
            while !over.load(Ordering::SeqCst) {
                assert_eq!(gateway.get("/v1/devices", &survivor).status, 200);
                passed += usize::from(under_way.load(Ordering::SeqCst));
            }
            passed
        });
        let managing = scope.spawn(|| {
            let (mut made, mut line) = (0, Line::connect(admin, token).expect("a connection"));
            while !over.load(Ordering::SeqCst) {
                let body = json!({"name": "beside", "grants": {"*": "read"}});
                let (status, record) = line.call("POST", "/v1/tokens", Some(body)).expect("an answer");
                assert_eq!(status, 201, "{record}");
                made += usize::from(under_way.load(Ordering::SeqCst));
            }
            made
        });
        (proxying.join().expect("passed"), managing.join().expect("made"))
    });
    assert!(passed > 0 && made > 0, "{passed} requests and {made} creations ended while it went on");

    known.iter().for_each(|(_, text)| assert_eq!(gateway.get("/v1/devices", text).problem(), "token_revoked"));
    let mut line = Line::connect(admin, token).expect("a connection");
    assert_eq!(count(&mut line, "label=env%3Dold&state=revoked"), 10_000);
    assert_eq!(count(&mut line, "label=env%3Dold&state=active"), 0);
    let export = gateway.admin.call("GET", "/v1/audit/export", None);
    let noted: BTreeSet<_> =
        lines(export.text()).filter(is_revocation).map(|line| text(&line["object"]["id"])).collect();
    assert_eq!(noted, tokens.into_iter().map(|(id, _)| id).collect());
}

fn lines(export: &str) -> impl Iterator<Item = Value> {
    export.lines().map(|line| serde_json::from_str(line).expect("JSON"))
}

fn is_revocation(line: &Value) -> bool {
    line["action"] == "token.revoke" && line["outcome"] == "done" && line["object"]["kind"] == "token"
}

/// What was revoked before the kill is revoked and noted, nothing else is, and the call made again does the rest.
#[test]
fn slow_a_kill_in_the_midst_leaves_the_truth_and_the_next_call_finishes() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut served = serve(&install);
    let tokens = make(served.admin.address, &install.admin_token, 4_000);
    let (admin, token) = (served.admin.address, install.admin_token.as_str());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut line = Line::connect(admin, token).expect("a connection");
            let body = json!({"label": "env=old", "expect": tokens.len()});
            let answer = line.call("POST", PATH, Some(body));
            assert!(answer.is_err(), "the kill came too late: {answer:?}");
        });
        let mut line = Line::connect(admin, token).expect("a connection");
        eventually("the first of them are revoked", || (count(&mut line, "state=revoked") > 0).then_some(()));
        served.process.kill();
    });

    let served = serve(&install);
    let mut line = Line::connect(served.admin.address, &install.admin_token).expect("a connection");
    let revoked: BTreeSet<String> = ids(&mut line, "state=revoked");
    assert!(!revoked.is_empty() && revoked.len() < tokens.len(), "{} were revoked", revoked.len());
    let export = served.admin.call("GET", "/v1/audit/export", None);
    let all: Vec<_> = lines(export.text()).collect();
    let noted: BTreeSet<String> =
        all.iter().filter(|line| is_revocation(line)).map(|line| text(&line["object"]["id"])).collect();
    assert!(noted.is_subset(&revoked), "noted and not done: {:?}", noted.difference(&revoked));
    // The part that was under way is announced with its tokens, and told to be in doubt.
    let doubtful: BTreeSet<String> = all
        .iter()
        .filter(|line| line["outcome"] == "unknown")
        .flat_map(|unknown| {
            let begun = all.iter().find(|line| line["seq"] == unknown["settles"]).expect("what was announced");
            begun["after"]["tokens"].as_array().cloned().unwrap_or_default()
        })
        .map(|id| text(&id))
        .collect();
    let untold: Vec<_> = revoked.difference(&noted).filter(|id| !doubtful.contains(*id)).collect();
    assert!(untold.is_empty(), "revoked and not told of: {untold:?}");
    assert!(doubtful.len() <= 200, "{} are in doubt", doubtful.len());

    let left = tokens.len() - revoked.len();
    let manage = |arguments: &[&str]| done(&mut install.managed(&served, arguments)).ok();
    let told = manage(&["token", "revoke", "--label", "env=old", "--dry-run"]);
    assert!(told.ends_with(&format!("{left} tokens would be revoked\n")), "{told}");
    let told = manage(&["token", "revoke", "--label", "env=old", "--expect", &left.to_string()]);
    assert_eq!(told, format!("{left} tokens revoked\n"));
    assert_eq!(ids(&mut line, "state=revoked"), tokens.into_iter().map(|(id, _)| id).collect());
    assert_eq!(done(&mut install.command(&["audit", "verify"])).code, 0);
}

fn serve(install: &Install) -> Served {
    install.run_with(&[("KEYGATE__LOG__ACCESS", "off"), ("KEYGATE__SERVER__PIN_WORKERS", "false")])
}

fn ids(line: &mut Line, query: &str) -> BTreeSet<String> {
    let (mut found, mut cursor) = (BTreeSet::new(), String::new());
    loop {
        let target = format!("/v1/tokens?limit=200&fields=id&{query}{cursor}");
        let (status, page) = line.call("GET", &target, None).expect("an answer");
        assert_eq!(status, 200, "{page}");
        found.extend(page["items"].as_array().expect("a list").iter().map(|token| text(&token["id"])));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return found,
        }
    }
}

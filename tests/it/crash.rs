//! The whole program killed in the midst of changes: what it acknowledged is there after a restart, what
//! it revoked stays revoked, and what it deleted stays away.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::{Value, json};

use crate::support::binary::{Install, Served};
use crate::support::wait::DEADLINE;
use crate::support::{Client, Upstream, eventually};

const KILLS: u64 = 100;
const CLIENTS: usize = 4;
/// That are acknowledged at least before each kill, however busy the machine is.
const CHANGES: usize = 16;

/// The name of a token that was not renamed yet.
const MADE: &str = "crash";

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum State {
    Active,
    Disabled,
    Revoked,
    /// There is no record of it.
    Deleted,
}

/// What a client can see of a token; of a deleted one it sees no name.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    state: State,
    name: String,
}

/// What a client knows of a token that it made.
#[derive(Debug)]
struct Known {
    id: String,
    secret: String,
    /// As it was last acknowledged, or seen after a restart.
    seen: Seen,
    /// As it was asked to be when the answer did not come.
    asked: Option<Seen>,
    /// Changed since the last restart.
    touched: bool,
}

#[test]
fn slow_nothing_acknowledged_is_lost_in_a_hundred_kills() {
    let upstream = Upstream::start();
    let install = Install::new(&upstream.url());
    let mut clients: Vec<Vec<Known>> = (0..CLIENTS).map(|_| Vec::new()).collect();
    let mut cut_off = 0;
    for round in 0..KILLS {
        let mut served = serve(&install);
        verify(&served, &mut clients, round % 20 == 0);
        let (address, token) = (served.admin.address, install.admin_token.as_str());
        let acknowledged = AtomicUsize::new(0);
        clients = thread::scope(|scope| {
            let acknowledged = &acknowledged;
            let changing = clients.into_iter().enumerate().map(|(number, known)| {
                let rng = Rng::with_seed(round * 8 + number as u64);
                scope.spawn(move || change_until_the_end(address, token, known, rng, acknowledged))
            });
            let changing: Vec<_> = changing.collect();
            thread::sleep(Duration::from_millis(Rng::with_seed(round).u64(50..150)));
            eventually("some changes", || (acknowledged.load(Ordering::Relaxed) >= CHANGES).then_some(()));
            served.process.kill();
            changing.into_iter().map(|client| client.join().expect("it ends with its connection")).collect()
        });
        cut_off += clients.iter().flatten().filter(|known| known.asked.is_some()).count();
    }
    verify(&serve(&install), &mut clients, true);

    let mut counts: BTreeMap<State, usize> = BTreeMap::new();
    clients.iter().flatten().for_each(|known| *counts.entry(known.seen.state).or_default() += 1);
    let renamed = clients.iter().flatten().filter(|known| !["", MADE].contains(&&*known.seen.name)).count();
    // Otherwise the kills met a gateway that did nothing.
    for (state, least) in [(State::Active, 200), (State::Disabled, 80), (State::Revoked, 50), (State::Deleted, 80)] {
        assert!(counts.get(&state).is_some_and(|&count| count > least), "{state:?}: {counts:?}");
    }
    assert!(renamed > 80, "{renamed} of the tokens that are left were renamed");
    assert!(cut_off > 50, "{cut_off} changes were under way when the gateway was killed");
}

fn serve(install: &Install) -> Served {
    // Deleted tokens are asked about in hundreds.
    let unguarded = ("KEYGATE__SERVER__FAILURE_LIMIT", "unlimited");
    install.run_with(&[("KEYGATE__LOG__ACCESS", "off"), ("KEYGATE__SERVER__PIN_WORKERS", "false"), unguarded])
}

/// Each change waits for the answer to the one before. Ends when the gateway does.
fn change_until_the_end(
    address: SocketAddr,
    token: &str,
    mut known: Vec<Known>,
    mut rng: Rng,
    acknowledged: &AtomicUsize,
) -> Vec<Known> {
    let Ok(mut line) = Line::connect(address, token) else { return known };
    loop {
        let done = match rng.usize(..known.len() + 2).checked_sub(2) {
            // Half of all changes are new tokens, and most others of tokens made a moment ago.
            Some(at) if rng.bool() => {
                let back = rng.usize(..known.len().min(20));
                let at = if rng.bool() { at } else { known.len() - 1 - back };
                change(&mut line, &mut known[at], &mut rng)
            }
            _ => create(&mut line, &mut known),
        };
        if done.is_err() {
            return known;
        }
        acknowledged.fetch_add(1, Ordering::Relaxed);
    }
}

fn create(line: &mut Line, known: &mut Vec<Known>) -> io::Result<()> {
    let body = json!({"name": MADE, "grants": {"*": "read"}});
    let (status, record) = line.call("POST", "/v1/tokens", Some(body))?;
    assert_eq!(status, 201, "{record}");
    let text = |field: &str| record[field].as_str().expect("a text").to_owned();
    known.push(Known { id: text("id"), secret: text("token"), seen: Seen::of(&record), asked: None, touched: true });
    Ok(())
}

fn change(line: &mut Line, known: &mut Known, rng: &mut Rng) -> io::Result<()> {
    let target = format!("/v1/tokens/{}", known.id);
    let now = known.seen.clone();
    let (method, target, body, next) = match (now.state, rng.u8(..8)) {
        (State::Deleted, _) => return refuse_to_come_back(line, &target, 404),
        (State::Revoked, 0..4) => return refuse_to_come_back(line, &target, 409),
        (_, 0) | (State::Revoked, _) => ("DELETE", target, None, Seen::deleted()),
        (_, 1..4) => {
            let name = format!("renamed {}", rng.u32(..));
            ("PATCH", target, Some(json!({"name": name})), Seen { name, ..now })
        }
        (_, 4) => ("POST", target + "/revoke", None, Seen { state: State::Revoked, ..now }),
        (State::Active, _) => ("POST", target + "/disable", None, Seen { state: State::Disabled, ..now }),
        (State::Disabled, _) => ("POST", target + "/enable", None, Seen { state: State::Active, ..now }),
    };
    (known.asked, known.touched) = (Some(next.clone()), true);
    let (status, record) = line.call(method, &target, body)?;
    match next.state {
        State::Deleted => assert_eq!(status, 204, "{record}"),
        _ => assert_eq!((status, Seen::of(&record)), (200, next.clone()), "{record}"),
    }
    (known.seen, known.asked) = (next, None);
    Ok(())
}

fn refuse_to_come_back(line: &mut Line, target: &str, expected: u16) -> io::Result<()> {
    let (status, record) = line.call("POST", &format!("{target}/enable"), None)?;
    assert_eq!(status, expected, "{record}");
    Ok(())
}

/// After a restart: every record, and what the proxy makes of the tokens that changed, or of `all`.
fn verify(served: &Served, clients: &mut [Vec<Known>], all: bool) {
    let kept = list(served);
    let mut proxy = Client::connect(served.proxy);
    for known in clients.iter_mut().flatten() {
        let Known { id, seen, asked, .. } = &*known;
        let now = kept.get(id).cloned().unwrap_or_else(Seen::deleted);
        let is_explained = now == *seen || Some(&now) == asked.as_ref();
        assert!(is_explained, "{id} is {now:?}; acknowledged {seen:?}, asked for {asked:?}");
        (known.seen, known.asked) = (now, None);
        if known.touched || all {
            let bearer = format!("Bearer {}", known.secret);
            let answer = proxy.request("GET", "/v1/things", &[("Authorization", &bearer)], b"");
            let code = (answer.status != 200).then(|| answer.problem());
            assert_eq!(code.as_deref(), known.seen.state.refusal(), "{} is {:?}", known.id, known.seen);
        }
        known.touched = false;
    }
}

/// Every token in the store.
fn list(served: &Served) -> BTreeMap<String, Seen> {
    let bearer = format!("Bearer {}", served.admin.token);
    let mut line = Client::connect(served.admin.address);
    let mut kept = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let answer = line.request("GET", &format!("/v1/tokens?limit=200{cursor}"), &[("Authorization", &bearer)], b"");
        let page = answer.json();
        for item in page["items"].as_array().unwrap_or_else(|| panic!("no items in {page}")) {
            kept.insert(item["id"].as_str().expect("a text").to_owned(), Seen::of(item));
        }
        let Some(next) = page["next"].as_str() else { return kept };
        cursor = format!("&cursor={next}");
    }
}

impl Seen {
    #[track_caller]
    fn of(record: &Value) -> Self {
        let state = match record["state"].as_str() {
            Some("active") => State::Active,
            Some("disabled") => State::Disabled,
            Some("revoked") => State::Revoked,
            _ => panic!("no known state in {record}"),
        };
        Self { state, name: record["name"].as_str().expect("a text").to_owned() }
    }

    fn deleted() -> Self {
        Self { state: State::Deleted, name: String::new() }
    }
}

impl State {
    /// The code with which the proxy refuses a token in this state.
    fn refusal(self) -> Option<&'static str> {
        match self {
            State::Active => None,
            State::Disabled => Some("token_disabled"),
            State::Revoked => Some("token_revoked"),
            State::Deleted => Some("invalid_token"),
        }
    }
}

/// A connection to the admin API whose end is no failure of the test.
pub(crate) struct Line {
    stream: BufReader<TcpStream>,
    bearer: String,
}

impl Line {
    pub(crate) fn connect(address: SocketAddr, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Self { stream: BufReader::new(stream), bearer: token.to_owned() })
    }

    /// An answer counts once the whole of it is here.
    pub(crate) fn call(&mut self, method: &str, target: &str, body: Option<Value>) -> io::Result<(u16, Value)> {
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let (bearer, length) = (&self.bearer, body.len());
        let request = format!(
            "{method} {target} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {bearer}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        self.stream.get_mut().write_all(request.as_bytes())?;
        let status = self.head_line()?.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status line");
        let mut length = 0;
        loop {
            let header = self.head_line()?;
            match header.split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().expect("a number");
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).expect("JSON") };
        Ok((status, body))
    }

    fn head_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        // Cut off by the kill: not an answer.
        let whole = line.strip_suffix("\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(whole.to_owned())
    }
}

//! The whole program killed in the midst of changes: what it acknowledged is there after a restart, and
//! what it revoked stays revoked.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use serde_json::Value;

use crate::support::binary::{Install, Served};
use crate::support::wait::DEADLINE;
use crate::support::{Client, Upstream};

const KILLS: u64 = 100;
const CLIENTS: usize = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Active,
    Disabled,
    Revoked,
}

/// What a client knows of a token that it made.
#[derive(Debug)]
struct Known {
    id: String,
    secret: String,
    /// The last state that was acknowledged, or seen after a restart.
    state: State,
    /// The state that was asked for when the answer did not come.
    asked: Option<State>,
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
        clients = thread::scope(|scope| {
            let changing = clients.into_iter().enumerate().map(|(number, known)| {
                let rng = Rng::with_seed(round * 8 + number as u64);
                scope.spawn(move || change_until_the_end(address, token, known, rng))
            });
            let changing: Vec<_> = changing.collect();
            thread::sleep(Duration::from_millis(Rng::with_seed(round).u64(50..150)));
            served.process.kill();
            changing.into_iter().map(|client| client.join().expect("it ends with its connection")).collect()
        });
        cut_off += clients.iter().flatten().filter(|known| known.asked.is_some()).count();
    }
    verify(&serve(&install), &mut clients, true);

    let count = |state| clients.iter().flatten().filter(|known| known.state == state).count();
    let counts = (count(State::Active), count(State::Disabled), count(State::Revoked));
    // Otherwise the kills met a gateway that did nothing.
    assert!(counts.0 > 500 && counts.1 > 200 && counts.2 > 500, "active, disabled, revoked: {counts:?}");
    assert!(cut_off > 50, "{cut_off} changes were under way when the gateway was killed");
}

fn serve(install: &Install) -> Served {
    install.run_with(&[("KEYGATE__LOG__ACCESS", "off"), ("KEYGATE__SERVER__PIN_WORKERS", "false")])
}

/// Each change waits for the answer to the one before. Ends when the gateway does.
fn change_until_the_end(address: SocketAddr, token: &str, mut known: Vec<Known>, mut rng: Rng) -> Vec<Known> {
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
    }
}

fn create(line: &mut Line, known: &mut Vec<Known>) -> io::Result<()> {
    let (status, record) = line.post("/v1/tokens", r#"{"name":"crash","grants":{"*":"read"}}"#)?;
    assert_eq!(status, 201, "{record}");
    let text = |field: &str| record[field].as_str().expect("a text").to_owned();
    known.push(Known { id: text("id"), secret: text("token"), state: State::Active, asked: None, touched: true });
    Ok(())
}

fn change(line: &mut Line, known: &mut Known, rng: &mut Rng) -> io::Result<()> {
    let (verb, next) = match (known.state, rng.u8(..3)) {
        (State::Revoked, _) => return refuse_to_come_back(line, known),
        (_, 0) => ("revoke", State::Revoked),
        (State::Active, _) => ("disable", State::Disabled),
        (State::Disabled, _) => ("enable", State::Active),
    };
    (known.asked, known.touched) = (Some(next), true);
    let (status, record) = line.post(&format!("/v1/tokens/{}/{verb}", known.id), "")?;
    assert_eq!((status, &record["state"]), (200, &next.name().into()), "{record}");
    (known.state, known.asked) = (next, None);
    Ok(())
}

fn refuse_to_come_back(line: &mut Line, known: &Known) -> io::Result<()> {
    let (status, record) = line.post(&format!("/v1/tokens/{}/enable", known.id), "")?;
    assert_eq!(status, 409, "{record}");
    Ok(())
}

/// After a restart: every record, and what the proxy makes of the tokens that changed, or of `all`.
fn verify(served: &Served, clients: &mut [Vec<Known>], all: bool) {
    let kept = list(served);
    let mut proxy = Client::connect(served.proxy);
    for known in clients.iter_mut().flatten() {
        let Known { id, state, asked, .. } = &*known;
        let now = kept.get(id).unwrap_or_else(|| panic!("{id} is lost; it was {state:?}"));
        assert!(now == state || Some(*now) == *asked, "{id} is {now:?}; acknowledged {state:?}, asked for {asked:?}");
        (known.state, known.asked) = (*now, None);
        if known.touched || all {
            let bearer = format!("Bearer {}", known.secret);
            let answer = proxy.request("GET", "/v1/things", &[("Authorization", &bearer)], b"");
            let code = (answer.status != 200).then(|| answer.problem());
            assert_eq!(code.as_deref(), known.state.refusal(), "{} is {:?}", known.id, known.state);
        }
        known.touched = false;
    }
}

/// The state of every token in the store.
fn list(served: &Served) -> BTreeMap<String, State> {
    let bearer = format!("Bearer {}", served.admin.token);
    let mut line = Client::connect(served.admin.address);
    let mut kept = BTreeMap::new();
    let mut cursor = String::new();
    loop {
        let answer = line.request("GET", &format!("/v1/tokens?limit=200{cursor}"), &[("Authorization", &bearer)], b"");
        let page = answer.json();
        for item in page["items"].as_array().unwrap_or_else(|| panic!("no items in {page}")) {
            let text = |field: &str| item[field].as_str().expect("a text");
            kept.insert(text("id").to_owned(), State::of(text("state")));
        }
        let Some(next) = page["next"].as_str() else { return kept };
        cursor = format!("&cursor={next}");
    }
}

impl State {
    fn of(name: &str) -> Self {
        let known = [State::Active, State::Disabled, State::Revoked].into_iter().find(|state| state.name() == name);
        known.unwrap_or_else(|| panic!("no state is called {name}"))
    }

    fn name(self) -> &'static str {
        match self {
            State::Active => "active",
            State::Disabled => "disabled",
            State::Revoked => "revoked",
        }
    }

    /// The code with which the proxy refuses a token in this state.
    fn refusal(self) -> Option<&'static str> {
        match self {
            State::Active => None,
            State::Disabled => Some("token_disabled"),
            State::Revoked => Some("token_revoked"),
        }
    }
}

/// A connection to the admin API whose end is no failure of the test.
struct Line {
    stream: BufReader<TcpStream>,
    bearer: String,
}

impl Line {
    fn connect(address: SocketAddr, token: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        Ok(Self { stream: BufReader::new(stream), bearer: token.to_owned() })
    }

    /// An answer counts once the whole of it is here.
    fn post(&mut self, target: &str, body: &str) -> io::Result<(u16, Value)> {
        let (bearer, length) = (&self.bearer, body.len());
        let request = format!(
            "POST {target} HTTP/1.1\r\nHost: admin.test\r\nAuthorization: Bearer {bearer}\r\n\
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
        Ok((status, serde_json::from_slice(&body).expect("JSON")))
    }

    fn head_line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        // Cut off by the kill: not an answer.
        let whole = line.strip_suffix("\r\n").ok_or(io::ErrorKind::UnexpectedEof)?;
        Ok(whole.to_owned())
    }
}

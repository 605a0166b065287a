//! No token that goes to or comes from a gateway of a test stands in what a gateway writes about itself.
//!
//! Clients note each token that they send and receive. Gateways in the test's process log at `trace` into a sink
//! that keeps nothing and looks at each line; of gateways in processes of their own, each line of both streams is
//! looked at as it comes. A find fails the test whose gateway ends next, and says which line it was.

use std::collections::HashSet;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, Once};

use memchr::memmem;
use tracing_subscriber::EnvFilter;

/// Of a token's text, the part that nobody can guess.
pub const BODY: usize = 30;
const KINDS: [&[u8]; 4] = [b"_pat_", b"_svc_", b"_shr_", b"_ses_"];

type Body = [u8; BODY];

static NOTED: LazyLock<Mutex<HashSet<Body>>> = LazyLock::new(Mutex::default);
static FOUND: Mutex<Vec<String>> = Mutex::new(Vec::new());
static LOOKED_AT: AtomicUsize = AtomicUsize::new(0);

/// Notes the tokens in bytes of a connection, whatever stands around them.
pub fn note(bytes: &[u8]) {
    for kind in KINDS {
        for at in memmem::find_iter(bytes, kind) {
            let body = bytes[at + kind.len()..].first_chunk::<BODY>();
            if let Some(body) = body.filter(|body| body.iter().all(u8::is_ascii_alphanumeric)) {
                NOTED.lock().expect("no panic holds it").insert(*body);
            }
        }
    }
}

/// Looks at a line that a gateway wrote.
pub fn look_at(place: &str, line: &[u8]) {
    LOOKED_AT.fetch_add(1, Ordering::Relaxed);
    if let Some(body) = token_in(line) {
        let line = String::from_utf8_lossy(line);
        FOUND.lock().expect("no panic holds it").push(format!("{body} is in {place}: {line}"));
    }
}

/// Lines that were looked at so far, by all tests.
pub fn looked_at() -> usize {
    LOOKED_AT.load(Ordering::Relaxed)
}

/// The body of a noted token, wherever it stands among letters and digits.
pub fn token_in(line: &[u8]) -> Option<String> {
    let words = line.split(|byte| !byte.is_ascii_alphanumeric()).filter(|word| word.len() >= BODY);
    let mut bodies = words.flat_map(|word| word.windows(BODY));
    let noted = NOTED.lock().expect("no panic holds it");
    let found = bodies.find(|body| Body::try_from(*body).is_ok_and(|body| noted.contains(&body)));
    found.map(|body| String::from_utf8_lossy(body).into_owned())
}

/// To be asked where a gateway has ended.
#[track_caller]
pub fn assert_nothing_told() {
    // A copy, since who fails here must not keep those from looking who come behind.
    let found = FOUND.lock().expect("no panic holds it").clone();
    assert!(found.is_empty(), "a gateway of this run, maybe another test's, wrote a token down: {found:?}");
}

/// Has gateways of this process log into the sink. What libraries say is as much as `keygate run` lets through.
pub fn watch_this_process() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let filter = EnvFilter::new(keygate::cli::log_filter("trace"));
        let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(|| Sink);
        subscriber.with_env_filter(filter).try_init().expect("no test sets another");
    });
}

struct Sink;

impl io::Write for Sink {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        look_at("the log of this process", line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

//! A store in a process of its own that is killed in the midst of changes, again and again. After each
//! kill it is opened and compared, record by record, with what was acknowledged.
//!
//! The child says before each change what it is about to do, and after it that the store has answered.
//! So for each client one change at most is open when it is killed, and for every other record there is
//! one right value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use keygate::model::{Revision, Token, TokenId};
use keygate::store::{SledStore, Store};

use super::change::{Ask, Verb};
use super::records;

/// Far longer than a child is ever silent.
const PATIENCE: Duration = Duration::from_secs(60);

/// Every so many kills, the child is killed while it opens the store.
const EARLY: u64 = 10;

#[derive(Debug, Clone, Copy)]
pub struct Plan {
    pub kills: u64,
    /// Acknowledged changes between two kills, at the least.
    pub changes: usize,
    pub seed: u64,
}

/// What was done and compared.
#[derive(Debug, Default)]
pub struct Survived {
    pub kills: u64,
    /// Acknowledged changes.
    pub changes: BTreeMap<Verb, u64>,
    /// Changes that had no answer when their process was killed, and how many of them are there.
    pub open: u64,
    pub open_made: u64,
    pub tokens: usize,
    pub deleted: usize,
}

/// What must be in the store.
#[derive(Default)]
struct Known {
    tokens: BTreeMap<TokenId, Token>,
    deleted: BTreeSet<TokenId>,
    /// Since the last comparison.
    deleted_since: Vec<Token>,
    open: BTreeMap<u8, Ask>,
    survived: Survived,
}

/// What the store stands on, and how the child that writes to it comes to its end.
pub trait Ground {
    /// The store's directory.
    fn path(&self) -> PathBuf;
    fn end(&mut self, child: &mut Child);
    /// Ready for the next start.
    fn again(&mut self);
}

/// A directory of the machine's own file system; the child is killed.
pub struct Plain(tempfile::TempDir);

impl Plain {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a directory"))
    }
}

impl Ground for Plain {
    fn path(&self) -> PathBuf {
        self.0.path().join("data")
    }

    fn end(&mut self, child: &mut Child) {
        child.kill().expect("our own child");
    }

    fn again(&mut self) {}
}

/// `child` is the program that runs [`super::change::until_killed`] on a path with a seed.
pub fn run(plan: Plan, ground: &mut impl Ground, child: impl Fn(&Path, u64) -> Command) -> Survived {
    let path = ground.path();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let mut known = Known::default();
    let mut rng = Rng::with_seed(plan.seed);
    for round in 0..plan.kills {
        let command = child(&path, plan.seed.wrapping_add(round));
        known.watch(command, &plan, round % EARLY == EARLY - 1, &mut rng, ground);
        ground.again();
        runtime.block_on(async {
            let store = SledStore::open(records::options(&path)).expect("it opens after a kill");
            known.compare(&store).await;
            store.close().await.expect("closed in order");
        });
        known.survived.kills += 1;
        if known.survived.kills.is_multiple_of(100) {
            eprintln!("{} kills, {} changes", known.survived.kills, known.survived.total());
        }
    }
    Survived { tokens: known.tokens.len(), deleted: known.deleted.len(), ..known.survived }
}

impl Known {
    /// Runs the child until it is killed, and notes what it says.
    fn watch(&mut self, mut command: Command, plan: &Plan, early: bool, rng: &mut Rng, ground: &mut impl Ground) {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("it starts");
        let lines = lines_of(&mut child);
        if early {
            thread::sleep(Duration::from_millis(rng.u64(..40)));
            ground.end(&mut child);
        }
        let (mut seen, enough) = (0, plan.changes + rng.usize(..32));
        while let Ok(line) = lines.recv_timeout(PATIENCE) {
            seen += self.note(&line);
            if seen == enough {
                ground.end(&mut child);
                seen += 1;
            }
        }
        child.kill().expect("our own child");
        let status = child.wait().expect("our own child");
        assert_eq!(status.signal(), Some(9), "the child ended by itself, or fell silent: {status}");
        assert!(early || seen > enough, "it fell silent after {seen} changes");
    }

    /// How many changes this line acknowledges.
    fn note(&mut self, line: &str) -> usize {
        if let Some(ask) = line.strip_prefix("asks ").and_then(Ask::parse) {
            let other = self.open.insert(ask.client, ask);
            assert!(other.is_none(), "a client does one thing at a time: {other:?} before {line}");
        } else if let Some((client, revision)) = line.strip_prefix("done ").and_then(|rest| rest.split_once(' ')) {
            let client: u8 = client.parse().expect("a number");
            let ask = self.open.remove(&client).expect("asked before it is answered");
            *self.survived.changes.entry(ask.verb).or_default() += 1;
            self.apply(ask, Revision(revision.parse().expect("a number")));
            return 1;
        }
        0
    }

    fn apply(&mut self, ask: Ask, revision: Revision) {
        let token = Token { revision, ..ask.token };
        if ask.verb == Verb::Delete {
            self.tokens.remove(&token.id);
            self.deleted.insert(token.id);
            self.deleted_since.push(token);
        } else {
            self.tokens.insert(token.id, token);
        }
    }

    /// The store holds what is known, but for changes that were open; whatever became of those is known
    /// from now on.
    async fn compare(&mut self, store: &SledStore) {
        let mut kept = BTreeMap::new();
        for client in 0..super::change::CLIENTS {
            kept.extend(
                records::tokens(store, records::account_id(client)).await.into_iter().map(|token| (token.id, token)),
            );
        }
        for ask in std::mem::take(&mut self.open).into_values() {
            self.survived.open += 1;
            let now = kept.get(&ask.token.id);
            if now == self.tokens.get(&ask.token.id) {
                continue;
            }
            self.survived.open_made += 1;
            let revision = now.map_or(Revision(0), |token| token.revision);
            self.apply(ask, revision);
        }
        for (id, token) in &kept {
            assert!(!self.deleted.contains(id), "{id} was deleted and is back");
            assert_eq!(Some(token), self.tokens.get(id), "on the left what is stored");
        }
        if let Some(lost) = self.tokens.values().find(|token| !kept.contains_key(&token.id)) {
            panic!("{} is lost; it was acknowledged as {lost:?}", lost.id);
        }
        self.compare_digests(store).await;
    }

    async fn compare_digests(&mut self, store: &SledStore) {
        let digests = self.tokens.values().map(|token| token.digest).collect();
        let found = store.tokens_by_digest(digests).await.expect("readable");
        assert!(found.iter().flatten().eq(self.tokens.values()), "each is found by its digest");
        let digests = self.deleted_since.drain(..).map(|token| token.digest).collect();
        let back = store.tokens_by_digest(digests).await.expect("readable").into_iter().flatten().next();
        assert_eq!(back, None, "it was deleted");
    }
}

/// Ends when the child's output does; what the child still said when it was killed is in it.
fn lines_of(child: &mut Child) -> Receiver<String> {
    let output = BufReader::new(child.stdout.take().expect("it is piped"));
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        for line in output.split(b'\n') {
            // A last line may be cut short by the kill, but then it is no whole sentence.
            let Some(line) = line.ok().and_then(|line| String::from_utf8(line).ok()) else { return };
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}

impl Survived {
    pub fn total(&self) -> u64 {
        self.changes.values().sum()
    }
}

impl fmt::Display for Survived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  {} kills, {} acknowledged changes: {:?}", self.kills, self.total(), self.changes)?;
        writeln!(
            f,
            "  0 lost, 0 came back; {} changes had no answer when their process was killed, {} of them were made",
            self.open, self.open_made
        )?;
        writeln!(f, "  at the end {} tokens, and {} that were deleted", self.tokens, self.deleted)
    }
}

//! Damages a closed store in many ways and opens it: it is complete then, or it is refused with words
//! that help. It never has fewer or older records, and never panics or hangs.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use fastrand::Rng;
use keygate::model::{Token, TokenId};
use keygate::store::{Expect, OpenError, SledStore, Store};

use super::damage::Damage;
use super::records;
use super::specimen::{STORE, Specimen, copy_store};

/// Far longer than any open takes: what is not done by then hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// How many cases are under way at a time; each waits for the disk most of its time.
const AT_ONCE: usize = 4;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// All that was there before, and it takes changes that last.
    Complete,
    /// The kind of the error.
    Refused(String),
}

/// How often each damage ended how.
#[derive(Debug, Default)]
pub struct Outcomes {
    counts: BTreeMap<(Damage, Outcome), u64>,
    /// What was neither complete nor refused, with the seed that gives it again.
    pub wrong: Vec<String>,
}

/// `cases` damages, each kind as often as the others.
pub fn run(specimen: &Arc<Specimen>, cases: u64, seed: u64) -> Outcomes {
    let (next, outcomes) = (AtomicU64::new(0), Mutex::new(Outcomes::default()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= cases {
                        return;
                    }
                    if number % 1_000 == 999 {
                        eprintln!("{} damages", number + 1);
                    }
                    let damage = Damage::ALL[usize::try_from(number).expect("it fits") % Damage::ALL.len()];
                    let outcome = case(specimen, damage, seed.wrapping_add(number));
                    outcomes.lock().expect("no panic holds it").add(damage, outcome);
                }
            });
        }
    });
    outcomes.into_inner().expect("no panic holds it")
}

fn case(specimen: &Arc<Specimen>, damage: Damage, seed: u64) -> Result<Outcome, String> {
    let place = tempfile::tempdir().expect("a directory");
    copy_store(specimen.now(), place.path());
    let done = damage.inflict(specimen, place.path(), &mut Rng::with_seed(seed));
    let outcome = match attempt(specimen, place.path()) {
        Ok(Outcome::Complete) if damage == Damage::OldDirectory => Err("an old copy cannot be complete".to_owned()),
        outcome => outcome,
    };
    outcome.map_err(|wrong| format!("seed {seed}, {damage:?}, {done}: {wrong}"))
}

/// What has become of the store in `place`; `Err` where it is neither complete nor refused.
pub fn attempt(specimen: &Arc<Specimen>, place: &Path) -> Result<Outcome, String> {
    let (tell, told) = mpsc::channel();
    let (specimen, place) = (Arc::clone(specimen), place.to_owned());
    thread::spawn(move || tell.send(catch_unwind(AssertUnwindSafe(|| examine(&specimen, &place)))));
    match told.recv_timeout(PATIENCE) {
        Ok(Ok(outcome)) => outcome,
        Ok(Err(_)) => Err("it panicked".to_owned()),
        Err(_) => Err(format!("it hangs for {PATIENCE:?}")),
    }
}

fn examine(specimen: &Specimen, place: &Path) -> Result<Outcome, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let open = || SledStore::open(records::options(&place.join(STORE)));
    match open() {
        Ok(store) => {
            runtime.block_on(lasts(specimen, store, open))?;
            Ok(Outcome::Complete)
        }
        Err(error) => {
            helps(&error)?;
            match open() {
                Ok(_) => Err(format!("it was refused ({error}) and opens the second time")),
                Err(again) if kind(&again) == kind(&error) => Ok(Outcome::Refused(kind(&error))),
                Err(again) => Err(format!("refused first with {error}, then with {again}")),
            }
        }
    }
}

/// It is complete, and it still is after a further change and another opening.
async fn lasts(
    specimen: &Specimen,
    store: SledStore,
    open: impl Fn() -> Result<SledStore, OpenError>,
) -> Result<(), String> {
    let mut contents = specimen.contents.clone();
    contents.compare(&store).await?;
    let mut made = records::token(contents.accounts[0].id, TokenId::fresh());
    made.revision = records::put(&store, &made, Expect::Absent).await;
    if let Some(late) = contents.tokens.iter().chain(&contents.gone).find(|old| old.revision >= made.revision) {
        return Err(format!("a new change has a revision that {} had already", late.id));
    }
    contents.tokens.push(Token { ..made });
    store.close().await.map_err(|error| format!("it does not close: {error}"))?;
    drop(store);
    let store = open().map_err(|error| format!("it opened once, and then no more: {error}"))?;
    contents.compare(&store).await.map_err(|differs| format!("complete at first, and after a restart: {differs}"))?;
    store.close().await.map_err(|error| format!("it does not close: {error}"))
}

/// An operator, or a script, finds out from a refusal what to do: it says so itself, or begins with the
/// name under which the documentation and the program's hints do.
fn helps(error: &OpenError) -> Result<(), String> {
    const NAMES: [&str; 5] =
        ["store_damaged: ", "store_behind: ", "store_rolled_back: ", "store_gone: ", "store_unanchored: "];
    const ADVICE: [&str; 4] = ["give `", "use the version", "move that directory away", "(chown)"];
    let text = error.to_string();
    let is_named = NAMES.iter().any(|name| text.starts_with(name)) && error.is_damage();
    if is_named || ADVICE.iter().any(|words| text.contains(words)) {
        return Ok(());
    }
    Err(format!("the refusal does not say what to do: {text}"))
}

/// The name of the error's variant.
fn kind(error: &OpenError) -> String {
    format!("{error:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}

impl Outcomes {
    fn add(&mut self, damage: Damage, outcome: Result<Outcome, String>) {
        match outcome {
            Ok(outcome) => *self.counts.entry((damage, outcome)).or_default() += 1,
            Err(wrong) => self.wrong.push(wrong),
        }
    }

    /// How often `damage` was healed or did no harm.
    pub fn complete(&self, damage: Damage) -> u64 {
        self.counts.get(&(damage, Outcome::Complete)).copied().unwrap_or_default()
    }

    /// Every kind of error that came up.
    pub fn kinds(&self) -> BTreeSet<&str> {
        let kinds = self.counts.keys().filter_map(|(_, outcome)| match outcome {
            Outcome::Refused(kind) => Some(kind.as_str()),
            Outcome::Complete => None,
        });
        kinds.collect()
    }

    pub fn refused(&self, damage: Damage) -> u64 {
        let of_it = self.counts.iter().filter(|((of, outcome), _)| *of == damage && *outcome != Outcome::Complete);
        of_it.map(|(_, count)| count).sum()
    }
}

impl fmt::Display for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for damage in Damage::ALL {
            write!(
                f,
                "  {:13} {:6} complete, {:6} refused",
                format!("{damage:?}"),
                self.complete(damage),
                self.refused(damage)
            )?;
            for ((of, outcome), count) in &self.counts {
                if let (true, Outcome::Refused(kind)) = (*of == damage, outcome) {
                    write!(f, "  {kind} {count}")?;
                }
            }
            writeln!(f)?;
        }
        self.wrong.iter().try_for_each(|wrong| writeln!(f, "  WRONG: {wrong}"))
    }
}

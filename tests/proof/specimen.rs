//! A closed store with a past, and copies of its directory from that past.

use std::fs;
use std::path::{Path, PathBuf};

use fastrand::Rng;
use keygate::model::{Revision, State, Timestamp, Token, TokenId, Usage};
use keygate::store::{Expect, SledStore, Store, Write};
use tempfile::TempDir;

use super::contents::Contents;
use super::records;

/// The name of the store's directory wherever a copy of it lies; its anchor lies beside it.
pub const STORE: &str = "data";
pub const ANCHOR: &str = "data.anchor";

const ACCOUNTS: u8 = 3;

/// Never changed once it is built.
pub struct Specimen {
    place: TempDir,
    pub contents: Contents,
    /// Directories that hold a copy from the past: the youngest lacks a single change.
    pub past: Vec<PathBuf>,
}

impl Specimen {
    /// About `tokens` tokens, each with several changes behind it.
    pub fn build(tokens: usize, seed: u64) -> Self {
        let place = tempfile::tempdir().expect("a directory");
        let mut specimen = Self { past: Vec::new(), contents: Contents::default(), place };
        let mut rng = Rng::with_seed(seed);
        specimen.write(async |store, contents| begin(store, contents).await);
        for _ in 0..2 {
            specimen.write(async |store, contents| live(store, contents, tokens / 2, &mut rng).await);
            specimen.remember();
        }
        specimen.write(async |store, contents| live(store, contents, tokens / 10, &mut rng).await);
        specimen.remember();
        specimen.write(async |store, contents| {
            let last = contents.tokens.iter_mut().find(|token| token.state == State::Active).expect("some are active");
            last.state = records::revoked();
            last.revision = records::put(store, last, Expect::Revision(last.revision)).await;
        });
        specimen.contents.tokens.sort_by_key(|token| token.id);
        specimen
    }

    /// Where the store and its anchor are.
    pub fn now(&self) -> &Path {
        self.place.path()
    }

    fn write(&mut self, work: impl AsyncFnOnce(&SledStore, &mut Contents)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        runtime.block_on(async {
            let store = SledStore::open(records::options(&self.now().join(STORE))).expect("it opens");
            work(&store, &mut self.contents).await;
            store.close().await.expect("closed in order");
        });
    }

    fn remember(&mut self) {
        let copy = self.place.path().join(format!("past-{}", self.past.len()));
        copy_store(self.now(), &copy);
        self.past.push(copy);
    }
}

/// Store and anchor, and nothing else that lies beside them.
pub fn copy_store(from: &Path, to: &Path) {
    copy_directory(&from.join(STORE), &to.join(STORE));
    if from.join(ANCHOR).exists() {
        fs::copy(from.join(ANCHOR), to.join(ANCHOR)).expect("copied");
    }
}

/// Over whatever is there, as `cp -a` does.
pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy_directory(&source, &target);
        } else {
            fs::copy(&source, &target).expect("copied");
        }
    }
}

async fn begin(store: &SledStore, contents: &mut Contents) {
    for number in 0..ACCOUNTS {
        let mut account = records::account(number);
        let write = Write::PutAccount { account: account.clone(), expect: Expect::Absent };
        account.revision = store.commit(vec![write]).await.expect("it is new");
        contents.accounts.push(account);
    }
}

/// Makes `count` tokens, and between them changes and removes some that are there.
async fn live(store: &SledStore, contents: &mut Contents, count: usize, rng: &mut Rng) {
    for _ in 0..count {
        let owner = &contents.accounts[rng.usize(..contents.accounts.len())];
        let mut made = records::token(owner.id, TokenId::fresh());
        made.revision = records::put(store, &made, Expect::Absent).await;
        contents.tokens.push(made);
        for _ in 0..2 {
            let at = rng.usize(..contents.tokens.len());
            change(store, contents, at, rng).await;
        }
    }
    let used = contents.tokens.iter().map(|token| (token.id, Usage::new(3, Some(Timestamp::from_millis(8)))));
    store.record_usage(used.collect()).await.expect("recorded");
}

async fn change(store: &SledStore, contents: &mut Contents, at: usize, rng: &mut Rng) {
    let before = contents.tokens[at].clone();
    let after = match rng.u8(..6) {
        0 if contents.tokens.len() > 4 => {
            records::delete(store, &before).await;
            contents.gone.push(contents.tokens.swap_remove(at));
            return;
        }
        0 | 1 => Token { state: records::revoked(), ..before.clone() },
        2 => Token { state: State::Disabled, ..before.clone() },
        _ => Token { name: format!("renamed {}", rng.u32(..)), ..before.clone() },
    };
    let revision: Revision = records::put(store, &after, Expect::Revision(before.revision)).await;
    contents.tokens[at] = Token { revision, ..after };
}

//! What it costs to change the rights behind many tokens: a role of a user with a million of them.
//!
//!     cargo bench --bench rights                        1,000,000 tokens: a minute
//!     cargo bench --bench rights -- --tokens 10000000
//!     cargo bench --bench rights -- --bar               fails where a bar is missed
//!
//! All tokens are one user's, in the embedded store, in a temporary directory: give TMPDIR one on the disk
//! that is meant. A change is durable and in force when it is answered: after each one a token that was
//! remembered and one that was not are asked, and both must follow.

#[path = "../store/records.rs"]
#[expect(dead_code, reason = "the bench of the store uses the rest")]
mod records;

use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use keygate::auth::{Accounts, CacheOptions, Lifecycle, Need, Users, Verdict, Verifier, VerifierOptions, authorize};
use keygate::limit::TokenLimits;
use keygate::model::{
    Access, Action, Clock, Digest, Grants, Kind, Membership, Pepper, ResourceName, Revision, Timestamp, Token,
    TokenHasher, TokenPrefix, TokenText, Usage, User, UserId, UserState,
};
use keygate::store::{Rebuild, Record, SledOptions, SledStore, Store};

use records::account;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// A change of a role is acknowledged in less, at the median.
const CHANGE_BAR: Duration = Duration::from_millis(20);
/// A decision about a principal that is there takes less.
const DECISION_BAR: Duration = Duration::from_nanos(150);
/// A first request after a change takes at most so many times what a cold one takes, at the median.
const FIRST_BAR: f64 = 1.5;
const DECISIONS: u32 = 1_000_000;

/// Changes that are measured, and tokens that are asked between them.
const CHANGES: usize = 200;
const ASKED: usize = 20_000;

#[derive(Parser)]
struct Options {
    /// Tokens of the user.
    #[arg(long, default_value_t = 1_000_000)]
    tokens: u64,
    /// Fails where a bar is missed.
    #[arg(long)]
    bar: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

struct Setup {
    verifier: Verifier,
    lifecycle: Lifecycle,
    accounts: Accounts,
    clock: Clock,
}

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("rights measures nothing outside `cargo bench`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("rights: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Outcome<()> {
    let place = tempfile::tempdir()?;
    let path = place.path().join("data");
    let hasher = TokenHasher::new(&pepper()?);
    eprintln!("a store of {} tokens", options.tokens);
    let texts = fill(&path, options.tokens, &hasher)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let missed = runtime.block_on(measure(&path, hasher, &texts))?;
    missed.iter().for_each(|missed| println!("missed: {missed}"));
    if options.bar && !missed.is_empty() { Err("a bar was missed".into()) } else { Ok(()) }
}

fn pepper() -> Outcome<Pepper> {
    Ok(Pepper::from_material(&[7; 32])?)
}

fn user() -> Outcome<User> {
    Ok(User {
        id: UserId::from_bytes([2; 16]),
        account: account().id,
        login: "ada@example.org".parse()?,
        name: "Ada".to_owned(),
        password: None,
        invitation: None,
        state: UserState::Active,
        memberships: vec![Membership { account: account().id, roles: vec!["power_user".parse()?] }],
        sessions_since: Timestamp::from_millis(0),
        created: Timestamp::from_millis(0),
        revision: Revision(2),
    })
}

fn token(number: u64, digest: Digest) -> Token {
    let (kind, user) = (Kind::Personal, Some(UserId::from_bytes([2; 16])));
    let grants = Grants::new([(ResourceName::every_api(), Access::FULL)]);
    Token {
        kind,
        user,
        grants,
        digest,
        expires: None,
        created_by: None,
        revision: Revision(3 + number),
        ..records::token(number)
    }
}

/// The texts of the first tokens; of the others nobody needs any.
fn fill(path: &Path, tokens: u64, hasher: &TokenHasher) -> Outcome<Vec<TokenText>> {
    let mut rebuild = Rebuild::begin(SledOptions::new(path, [7; 32]))?;
    rebuild.put(Record::Account(account()))?;
    rebuild.put(Record::User(user()?))?;
    let mut texts = Vec::new();
    for number in 0..tokens {
        let digest = if texts.len() < ASKED {
            let text = TokenText::generate(&TokenPrefix::default(), Kind::Personal).map_err(|e| e.to_string())?;
            let digest = hasher.digest(text.expose());
            texts.push(text);
            digest
        } else {
            Digest::from_bytes(*blake3::hash(&number.to_le_bytes()).as_bytes())
        };
        rebuild.put(Record::Token(token(number, digest), Usage::default()))?;
    }
    rebuild.finish()?;
    Ok(texts)
}

impl Setup {
    async fn open(path: &Path, hasher: TokenHasher) -> Outcome<Self> {
        let store: Arc<dyn Store> = Arc::new(SledStore::open(SledOptions::new(path, [7; 32]))?);
        let users = Users::new(store.users().await?, Arc::default());
        let accounts = Accounts::new(store.accounts().await?);
        let cache = CacheOptions { tokens: 100_000, unknown: 1_000, unknown_ttl: Duration::from_secs(30) };
        let options = VerifierOptions { prefix: TokenPrefix::default(), hasher, cache };
        let limits = Arc::new(TokenLimits::new(None));
        let (verifier, loader) = Verifier::new(options, Arc::clone(&store), limits, users.clone());
        tokio::spawn(loader.run());
        let clock = Clock::system();
        let lifecycle = Lifecycle::new(store, verifier.clone(), accounts.clone(), users, clock.clone());
        Ok(Self { verifier, lifecycle, accounts, clock })
    }

    /// How long it takes to decide about a token that is remembered, and that may delete.
    async fn decide(&self, text: &TokenText, resource: &ResourceName) -> Outcome<Duration> {
        let Verdict::Known(principal) = self.verifier.verify(text.expose()).await.1? else {
            return Err("a token is not known".into());
        };
        let (need, now) = (Need { resource, action: Action::Delete, target: None }, self.clock.wall());
        let begun = self.clock.mono();
        for _ in 0..DECISIONS {
            if authorize(Arc::clone(&principal), black_box(need), &self.accounts, now).is_err() {
                return Err("a decision was a no".into());
            }
        }
        Ok((self.clock.mono() - begun) / DECISIONS)
    }

    /// Whether the token may delete, and how long the answer took.
    async fn ask(&self, text: &TokenText, resource: &ResourceName) -> Outcome<(bool, Duration)> {
        let begun = self.clock.mono();
        let Verdict::Known(principal) = self.verifier.verify(text.expose()).await.1? else {
            return Err("a token is not known".into());
        };
        let need = Need { resource, action: Action::Delete, target: None };
        let allowed = authorize(principal, need, &self.accounts, self.clock.wall()).is_ok();
        Ok((allowed, self.clock.mono() - begun))
    }
}

/// Measures, prints, and returns the bars that were missed.
async fn measure(path: &Path, hasher: TokenHasher, texts: &[TokenText]) -> Outcome<Vec<String>> {
    let setup = Setup::open(path, hasher).await?;
    let resource: ResourceName = "devices".parse()?;
    let (warm, cold) = texts.split_at(texts.len() / 2);
    let mut first = Vec::new();
    for text in warm {
        first.push(setup.ask(text, &resource).await?.1);
    }
    let cold_median = print("cold, nothing was changed: first request", first);
    let decision = setup.decide(&warm[0], &resource).await?;
    println!("{:<42} {decision:?}", "remembered: one decision, on average");
    let (mut changes, mut remembered, mut unknown) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..CHANGES {
        let (role, may) = if number % 2 == 0 { ("viewer", false) } else { ("power_user", true) };
        let begun = setup.clock.mono();
        setup.lifecycle.set_member(UserId::from_bytes([2; 16]), account().id, vec![role.parse()?]).await?;
        changes.push(setup.clock.mono() - begun);
        let of_change = |texts: &[TokenText]| texts.len() / CHANGES;
        for (texts, took) in [(warm, &mut remembered), (cold, &mut unknown)] {
            let count = of_change(texts);
            for text in &texts[number * count..][..count] {
                let (allowed, time) = setup.ask(text, &resource).await?;
                if allowed != may {
                    return Err(format!("after change {number} a token did not follow").into());
                }
                took.push(time);
            }
        }
    }
    let bars = [
        ("a decision", decision, DECISION_BAR),
        ("a change", print("change of a role: acknowledged", changes), CHANGE_BAR),
        (
            "a first request, remembered",
            print("after it, remembered: first request", remembered),
            cold_median.mul_f64(FIRST_BAR),
        ),
        ("a first request, cold", print("after it, cold: first request", unknown), cold_median.mul_f64(FIRST_BAR)),
    ];
    let missed = bars.iter().filter(|(_, took, bar)| took > bar);
    Ok(missed.map(|(what, took, bar)| format!("{what} took {took:?}, and the bar is {bar:?}")).collect())
}

/// Prints what was measured, and returns the median.
fn print(what: &str, mut times: Vec<Duration>) -> Duration {
    times.sort();
    let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
    println!("{what:<42} p50 {:>8.4} ms   p99 {:>8.4} ms   most {:>8.4} ms", at(0.5), at(0.99), at(1.0));
    times[(times.len() - 1) / 2]
}

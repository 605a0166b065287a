//! What the time of an answer about a text tells of what is stored: pairs of kinds of texts, and whether their times
//! can be told apart.
//!
//!     cargo bench --bench timing                          100,000 texts a pair: half a minute
//!     cargo bench --bench timing -- --samples 1000000
//!     cargo bench --bench timing -- --bar                 fails where a pair that must not can be told apart
//!
//! In this process, without a network: a network adds noise and takes nothing away. Both kinds of a pair are made in
//! equal numbers, presented in random order, and judged by the largest t of Welch's test over six parts of the times
//! (`welch.rs`). Pairs of kinds that anybody can tell apart by looking at the text are measured too: they are the
//! control which shows that differences of nanoseconds are seen.

#[path = "../store/records.rs"]
#[expect(dead_code, reason = "the bench of the store uses the rest")]
mod records;
mod texts;
mod welch;
mod world;

use std::hint::black_box;
use std::process::ExitCode;

use clap::Parser;

use texts::Presented;
use welch::{BAR, Times};
use world::World;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const REMEMBERED: usize = 4_000;
const COLD: usize = 50_000;
/// Texts that are made before any of them is presented.
const BATCH: usize = 10_000;

#[derive(Parser)]
struct Options {
    /// Texts of each pair, half of them of each kind.
    #[arg(long, default_value_t = 100_000)]
    samples: usize,
    /// Fails where a pair that must not can be told apart, or nothing can.
    #[arg(long)]
    bar: bool,
    /// Given by `cargo bench`.
    #[arg(long, hide = true)]
    bench: bool,
}

/// Whether who presents texts may learn from the time which kind they are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum May {
    /// It would learn something of tokens that it does not have.
    Not,
    /// It can tell by looking at the text, or has to have the whole text of a token.
    Learn,
}

use May::{Learn, Not};
use Presented::{Active, Cold, Foreign, Garbled, GarbledToken, LikeADigest, LikeAText, LikeNoDigest, Revoked, Unknown};

const PAIRS: [(&str, May, [Presented; 2]); 10] = [
    ("the same twice (the zero)", Not, [Unknown, Unknown]),
    ("a digest that begins like a stored one, or not", Not, [LikeADigest, LikeNoDigest]),
    ("25 characters of a stored token, or none", Not, [LikeAText, Unknown]),
    ("a stored token but for its checksum, or none", Not, [GarbledToken, Garbled]),
    ("a token in force, or a revoked one", Learn, [Active, Revoked]),
    ("a revoked token, or nobody's", Learn, [Revoked, Unknown]),
    ("a token that is remembered, or one that is not", Learn, [Active, Cold]),
    ("nobody's, or a wrong checksum", Learn, [Unknown, Garbled]),
    ("our prefix, or another", Learn, [Unknown, Foreign]),
    ("a wrong checksum, or another prefix", Learn, [Garbled, Foreign]),
];

fn main() -> ExitCode {
    let options = Options::parse();
    if !options.bench {
        println!("timing measures nothing outside `cargo bench`");
        return ExitCode::SUCCESS;
    }
    match run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("timing: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Outcome<()> {
    let place = tempfile::tempdir()?;
    // The look-ups of what is not remembered run beside, as they do in a gateway.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let world = runtime.block_on(World::open(place.path(), REMEMBERED, COLD))?;
    println!("{:<52} {:>9} {:>9} {:>9} {:>9}", "", "texts", "p50 ns", "p50 ns", "t");
    let mut missed = Vec::new();
    let mut most = 0.0_f64;
    for (name, may, kinds) in PAIRS {
        let times = runtime.block_on(measure(&world, kinds, options.samples))?;
        let t = times.t();
        let (one, other) = (times.median(0), times.median(1));
        let mark = if may == Learn { "" } else { "must not" };
        println!("{name:<52} {:>9} {one:>9.0} {other:>9.0} {t:>9.2} {mark}", times.count());
        match may {
            Not if t.abs() >= BAR => missed.push(format!("{name}: t is {t:.2}, and the bar is {BAR}")),
            Not => {}
            Learn => most = most.max(t.abs()),
        }
    }
    if most < BAR {
        missed.push(format!("no pair could be told apart (t is {most:.2} at most): nothing was measured"));
    }
    missed.iter().for_each(|missed| println!("missed: {missed}"));
    if options.bar && !missed.is_empty() { Err("a bar was missed".into()) } else { Ok(()) }
}

/// Presents texts of both kinds in random order. The first tenth warms up, and is not counted.
async fn measure(world: &World, kinds: [Presented; 2], samples: usize) -> Outcome<Times> {
    let mut times = Times::default();
    let mut done = 0;
    while done < samples {
        let Some(batch) = batch(world, kinds, BATCH.min(samples - done))? else { break };
        for (at, (kind, text)) in batch.iter().enumerate() {
            let (is_token, took) = world.ask(black_box(text)).await?;
            if is_token != kinds[*kind].is_token() {
                return Err(format!("{:?}: it is taken for something else", kinds[*kind]).into());
            }
            if at >= batch.len() / 10 {
                times.add(*kind, took);
            }
        }
        done += batch.len();
    }
    Ok(times)
}

/// `None`: there are not as many.
fn batch(world: &World, kinds: [Presented; 2], size: usize) -> Outcome<Option<Vec<(usize, String)>>> {
    let mut batch = Vec::with_capacity(size);
    for number in 0..size {
        let kind = number % 2;
        let Some(text) = world.stored.one(kinds[kind])? else { return Ok(None) };
        batch.push((kind, text));
    }
    fastrand::shuffle(&mut batch);
    Ok(Some(batch))
}

//! The process that opens a large store, asks it, and says what that took.

use std::path::Path;

use fastrand::Rng;
use keygate::model::Clock;
use keygate::store::{SledStore, Store};
use serde_json::{Value, json};

use crate::Outcome;
use crate::machine;
use crate::records;
use crate::samples::Samples;

/// Look-ups of which each is timed: more would find their pages in memory.
const COLD: usize = 20_000;
const LOOK_UPS: usize = 1_000_000;
const PAGES: usize = 300;
const PAGE: usize = 100;
const FLOOD: u64 = 10_000_000;

/// Prints one JSON object.
pub fn run(path: &Path, tokens: u64) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let clock = Clock::system();
    let begun = clock.mono();
    let store = SledStore::open(records::options(path))?;
    let open = (clock.mono() - begun).as_secs_f64();
    eprintln!("open after {open:.1} s");
    let mut figures = json!({"open_s": open, "resident_open": machine::resident()?});
    runtime.block_on(async {
        let probe = Probe { store: &store, clock, tokens };
        // The open has just read every file, so what the process's own cache lacks is in the kernel's.
        probe.timed_look_ups(&mut figures, "get", 1).await?;
        machine::drop_page_cache();
        probe.timed_look_ups(&mut figures, "disk", 2).await?;
        probe.look_ups(&mut figures).await?;
        probe.pages(&mut figures).await?;
        probe.flood(&mut figures)?;
        probe.snapshot(&mut figures).await?;
        store.close().await?;
        println!("{figures}");
        Ok(())
    })
}

struct Probe<'a> {
    store: &'a SledStore,
    clock: Clock,
    tokens: u64,
}

impl Probe<'_> {
    async fn timed_look_ups(&self, figures: &mut Value, name: &str, seed: u64) -> Outcome<()> {
        let (mut samples, mut rng) = (Samples::default(), Rng::with_seed(seed));
        for _ in 0..COLD {
            let number = rng.u64(..self.tokens);
            let begun = self.clock.mono();
            let token = self.store.tokens_by_digest(vec![records::digest(number)]).await?.pop().flatten();
            samples.add(self.clock.mono() - begun);
            records::check(token, number)?;
        }
        figures[format!("{name}_p50_us")] = samples.quantile(0.5).into();
        figures[format!("{name}_p99_us")] = samples.quantile(0.99).into();
        Ok(())
    }

    async fn look_ups(&self, figures: &mut Value) -> Outcome<()> {
        let mut rng = Rng::with_seed(3);
        let begun = self.clock.mono();
        for _ in 0..LOOK_UPS {
            let number = rng.u64(..self.tokens);
            let token = self.store.tokens_by_digest(vec![records::digest(number)]).await?.pop().flatten();
            records::check(token, number)?;
        }
        figures["gets_per_s"] = (LOOK_UPS as f64 / (self.clock.mono() - begun).as_secs_f64()).into();
        figures["resident_gets"] = machine::resident()?.into();
        Ok(())
    }

    async fn pages(&self, figures: &mut Value) -> Outcome<()> {
        let last = self.tokens - 1 - PAGE as u64;
        for (name, after) in [("start", 0), ("middle", self.tokens / 2), ("end", last)] {
            let mut samples = Samples::default();
            for _ in 0..PAGES {
                let begun = self.clock.mono();
                let page = self.store.list_tokens(records::account().id, Some(records::id(after)), PAGE).await?;
                samples.add(self.clock.mono() - begun);
                let whole = (after + 1..).take(PAGE).map(records::id).eq(page.iter().map(|token| token.id));
                if !whole {
                    return Err(format!("the page after token {after} has a gap").into());
                }
            }
            figures[format!("page_{name}_us")] = samples.quantile(0.5).into();
        }
        Ok(())
    }

    fn flood(&self, figures: &mut Value) -> Outcome<()> {
        let digests: Vec<_> = (0..FLOOD / 10).map(records::unknown).collect();
        // To ask for the count takes some reads itself.
        let before = machine::reads()?;
        let asking = machine::reads()? - before;
        let reads = machine::reads()?;
        let begun = self.clock.mono();
        let mut passed = 0u64;
        for _ in 0..10 {
            passed += digests.iter().filter(|digest| self.store.may_hold(digest)).count() as u64;
        }
        let took = self.clock.mono() - begun;
        figures["flood_reads"] = (machine::reads()? - reads).saturating_sub(asking).into();
        figures["flood_ns"] = (took.as_nanos() as f64 / FLOOD as f64).into();
        figures["flood_passed"] = (passed as f64 / FLOOD as f64).into();
        Ok(())
    }

    async fn snapshot(&self, figures: &mut Value) -> Outcome<()> {
        let begun = self.clock.mono();
        let mut snapshot = self.store.snapshot().await?;
        let head = *snapshot.head();
        let mut records = 0u64;
        loop {
            let next = snapshot.next().await?;
            if next.is_empty() {
                break;
            }
            records += next.len() as u64;
        }
        if records != head.tokens + head.accounts || head.tokens != self.tokens {
            return Err(format!("{records} records of {head:?}").into());
        }
        figures["snapshot_per_s"] = (self.tokens as f64 / (self.clock.mono() - begun).as_secs_f64()).into();
        Ok(())
    }
}

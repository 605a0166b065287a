//! Commits of one record each, from one writer and from many.

use std::sync::Arc;
use std::time::{Duration, Instant};

use keygate::model::{Clock, Revision, Token, TokenId};
use keygate::store::{Expect, SledStore, Store, Write};
use tokio::task::JoinSet;

use crate::Outcome;
use crate::options::Options;
use crate::records;
use crate::report::{Bar, Report};
use crate::samples::Samples;

const WRITERS: usize = 64;

#[derive(Debug, Clone, Copy)]
enum Kind {
    Create,
    Edit,
}

pub fn measure(options: &Options, report: &mut Report) -> Outcome<()> {
    let place = tempfile::tempdir()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(async {
        let store = Arc::new(SledStore::open(records::options(&place.path().join("data")))?);
        for writers in [WRITERS, 1] {
            for (kind, name) in [(Kind::Create, "create"), (Kind::Edit, "edit")] {
                eprintln!("{name}, {writers} at a time, for {} s", options.seconds);
                let (samples, took) = run(&store, kind, writers, Duration::from_secs(options.seconds)).await?;
                let many = if writers == 1 { "1 writer".to_owned() } else { format!("{writers} writers") };
                tell(report, &format!("{name}, {many}"), samples, took, writers == WRITERS);
            }
        }
        store.close().await?;
        Ok(())
    })
}

fn tell(report: &mut Report, name: &str, mut samples: Samples, took: Duration, barred: bool) {
    let bar = |bar: Bar| if barred { bar } else { Bar::None };
    let rate = samples.count() as f64 / took.as_secs_f64();
    report.add(&format!("{name}: durable commits"), rate, "/s", bar(Bar::AtLeast(12_000.0)));
    report.add(&format!("{name}: p50"), samples.quantile(0.5) / 1e3, "ms", Bar::None);
    report.add(&format!("{name}: p99"), samples.quantile(0.99) / 1e3, "ms", bar(Bar::AtMost(20.0)));
}

async fn run(store: &Arc<SledStore>, kind: Kind, writers: usize, long: Duration) -> Outcome<(Samples, Duration)> {
    let clock = Clock::system();
    let begun = clock.mono();
    let mut tasks = JoinSet::new();
    for _ in 0..writers {
        tasks.spawn(write(Arc::clone(store), kind, clock.clone(), begun + long));
    }
    let mut all = Samples::default();
    while let Some(samples) = tasks.join_next().await {
        all.join(samples??);
    }
    Ok((all, clock.mono() - begun))
}

/// One commit after the other until `end`.
async fn write(
    store: Arc<SledStore>,
    kind: Kind,
    clock: Clock,
    end: Instant,
) -> Result<Samples, keygate::store::CommitError> {
    let mut samples = Samples::default();
    let fresh = || {
        let id = TokenId::fresh();
        let digest = keygate::model::Digest::from_bytes(*blake3::hash(&id.to_bytes()).as_bytes());
        Token { id, digest, ..records::token(0) }
    };
    let mut token = fresh();
    let mut expect = Expect::Absent;
    if matches!(kind, Kind::Edit) {
        expect = Expect::Revision(put(&*store, &token, expect).await?);
    }
    while clock.mono() < end {
        let begun = clock.mono();
        let revision = put(&*store, &token, expect).await?;
        samples.add(clock.mono() - begun);
        match kind {
            Kind::Create => token = fresh(),
            Kind::Edit => (token.name, expect) = (format!("edited {}", revision.0), Expect::Revision(revision)),
        }
    }
    Ok(samples)
}

async fn put(store: &dyn Store, token: &Token, expect: Expect) -> Result<Revision, keygate::store::CommitError> {
    store.commit(vec![Write::PutToken { token: token.clone(), expect }]).await
}

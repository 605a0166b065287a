//! A crowd that has asked one thing each and is idle since: what it takes of memory and of the processor.

use std::time::Duration;

use crate::crowd;
use crate::gateway::{Gateway, Listener};
use crate::options::Options;
use crate::report::{Bar, Report};
use crate::{MB, Outcome};

/// Of the whole process, with 10,000 connections over TLS.
const MEMORY: f64 = 300.0;
/// Milliseconds of processor time in a second.
const IDLENESS: f64 = 10.0;

pub async fn measure(upstream: u16, listener: Listener, options: &Options, report: &mut Report) -> Outcome<()> {
    let (what, bar) = match listener {
        Listener::Tls => ("idle over TLS", Bar::AtMost(MEMORY)),
        Listener::Plain => ("idle without TLS", Bar::None),
    };
    if !options.wants(what) {
        return Ok(());
    }
    let count = options.connections();
    eprintln!("{count} connections, {what}");
    // They wait for each other to be opened.
    let gateway = Gateway::start(upstream, listener, "idle_timeout = \"10m\"")?;
    // What is allocated once is no connection's.
    drop(crowd::open(&gateway.entrance(), 100).await?);
    let before = gateway.resident()?;
    let crowd = crowd::open(&gateway.entrance(), count).await?;
    let spent = gateway.process.cpu()?;
    tokio::time::sleep(Duration::from_secs(options.seconds())).await;
    let spent = gateway.process.cpu()? - spent;
    let resident = gateway.resident()?;
    let open = gateway.open_connections()?;
    drop(crowd);
    report.add(&format!("{what}: open at the end"), open as f64, "", Bar::AtLeast(count as f64));
    report.add(&format!("{what}: memory of the gateway"), resident / MB, "MB", bar);
    report.add(&format!("{what}: a connection"), (resident - before) / count as f64 / 1024.0, "KiB", Bar::None);
    let idleness = (spent.user + spent.system) * 1e3 / options.seconds() as f64;
    report.add(&format!("{what}: processor time in a second"), idleness, "ms", Bar::AtMost(IDLENESS));
    Ok(())
}

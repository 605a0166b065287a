//! `[server]` and `[log]`: how the process runs and what it writes.

use std::time::Duration;

use super::limit;
use super::settings::{AccessLog, Log, Server};
use super::table::{Mistake, Reader};
use super::tree::Node;
use super::value;

const MOST_WORKERS: u64 = 1024;
/// Who wants more than this of every client has another unit in mind.
const MOST_MIN_RATE: u64 = 1_000_000;
const MOST_CONNECTIONS: u64 = 10_000_000;
/// More than people mistype, and than a deployment of a wrong token makes before somebody looks.
const FAILURES_A_MINUTE: u32 = 100;

const ACCESS: &[(&str, AccessLog)] =
    &[("stdout", AccessLog::Stdout), ("stderr", AccessLog::Stderr), ("off", AccessLog::Off)];

const LEVELS: &[(&str, &str)] =
    &[("error", "error"), ("warn", "warn"), ("info", "info"), ("debug", "debug"), ("trace", "trace")];

pub(super) fn read(root: &mut Reader<'_>) -> Option<Server> {
    let mut table = root.section("server")?;
    let workers = table.field("workers", value::or_word("auto", value::count_usize(1..=MOST_WORKERS))).or(None);
    let pin_workers = table.field("pin_workers", value::boolean).optional();
    let header_timeout = table.field("header_timeout", value::duration(value::DAY)).or(Duration::from_secs(10));
    let idle_timeout = table.field("idle_timeout", value::duration(value::DAY)).or(Duration::from_secs(75));
    let stall_timeout = table.field("stall_timeout", value::duration(value::DAY)).or(Duration::from_secs(30));
    let min_rate = table.field("min_rate", value::or_word("off", value::count(1..=MOST_MIN_RATE))).or(Some(100));
    let stream_idle_timeout = table
        .field("stream_idle_timeout", value::or_word("unlimited", value::duration(value::DAY)))
        .or(Some(Duration::from_secs(300)));
    let drain_timeout = table.field("drain_timeout", value::duration(value::DAY)).or(Duration::from_secs(30));
    let max_connections = table.field("max_connections", value::count_usize(1..=MOST_CONNECTIONS)).or(16_384);
    let failure_limit = limit::quota_or(&mut table, "failure_limit", FAILURES_A_MINUTE);
    let per_address = value::or_word("unlimited", value::count_usize(1..=MOST_CONNECTIONS));
    let max_connections_per_address = table.field("max_connections_per_address", per_address).or(Some(1_024));
    let max_handshakes = table.field("max_handshakes", value::count_usize(1..=MOST_CONNECTIONS)).or(1_024);
    let realm = table.field("realm", realm).or("keygate".to_owned());
    table.finish();
    let workers = workers?;
    Some(Server {
        workers,
        pin_workers: pin_workers?.unwrap_or(workers.is_none()),
        header_timeout: header_timeout?,
        idle_timeout: idle_timeout?,
        stall_timeout: stall_timeout?,
        min_rate: min_rate?,
        stream_idle_timeout: stream_idle_timeout?,
        drain_timeout: drain_timeout?,
        max_connections: max_connections?,
        failure_limit: failure_limit?,
        max_connections_per_address: max_connections_per_address?,
        max_handshakes: max_handshakes?,
        realm: realm?,
    })
}

/// Goes between double quotes in `WWW-Authenticate`.
fn realm(node: &Node) -> Result<String, Mistake> {
    let realm = value::text(node)?;
    let quotable = |byte: u8| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\';
    if !realm.is_empty() && realm.len() <= 200 && realm.bytes().all(quotable) {
        return Ok(realm);
    }
    let help = "write 1 to 200 printable ASCII characters, without `\"` and `\\`";
    Err(Mistake::new("cannot stand in a WWW-Authenticate header", help))
}

pub(super) fn read_log(root: &mut Reader<'_>) -> Option<Log> {
    let mut table = root.section("log")?;
    let access = table.field("access", value::choice(ACCESS)).or(AccessLog::Stdout);
    let level = table.field("level", value::choice(LEVELS)).or("info");
    table.finish();
    Some(Log { access: access?, level: level?.to_owned() })
}

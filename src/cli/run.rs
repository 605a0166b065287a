//! `keygate run`: the gateway in the foreground, until a signal.

use std::io;

use serde_json::json;
use tracing_subscriber::EnvFilter;

use super::Environment;
use super::args::RunArgs;
use super::config_file;
use super::exit::Exit;
use super::failure::Failure;
use super::terminal::Terminal;
use crate::app::{Gateway, OpenFiles};
use crate::model::Clock;

pub(super) fn run(args: &RunArgs, environment: &Environment, terminal: &mut Terminal<'_>) -> Result<Exit, Failure> {
    let path = config_file::find(&args.config, environment)?;
    let loaded = config_file::load(&path, environment)?;
    log_to_stderr(&loaded.settings.log.level);
    for warning in &loaded.warnings {
        tracing::warn!(event = "configuration", config = %loaded.path.display(), "{warning}");
    }
    let files = OpenFiles::raise(&loaded.settings.server);
    let gateway = Gateway::start(loaded.settings, Clock::system()).map_err(|error| Failure::of_start(&error, &path))?;
    if files.are_few() {
        let (limit, needed) = (files.limit, files.needed);
        tracing::warn!(
            event = "open_files",
            limit,
            needed,
            "`server.max_connections` of all workers may need more open files than the hard limit allows: raise that \
             (`ulimit -Hn`, `LimitNOFILE=`, `--ulimit nofile=`), or lower `server.max_connections`",
        );
    }
    if let Some(token) = gateway.first_token() {
        // A store in memory begins empty, and nobody could ask for a token without this one.
        terminal.print(&format!("{}\n", json!({"event": "first_token", "token": token.expose()})))?;
    }
    let signals = gateway.catch_signals().map_err(|error| Failure::failed(error.to_string()))?;
    tracing::info!(
        event = "serving",
        proxy = gateway.proxy_url(),
        admin = gateway.admin_url(),
        open_files = files.limit
    );
    gateway.run_until_signal(signals).map_err(|error| Failure::failed(error.to_string()))?;
    tracing::info!(event = "stopped");
    Ok(Exit::Ok)
}

/// What is logged at a level: our own messages. What the libraries say below a warning helps nobody who runs a
/// gateway, and at `trace` it holds what clients sent; so no level and no variable lets it through.
pub fn log_filter(level: &str) -> String {
    format!("warn,keygate={level}")
}

/// One JSON object a line on standard error.
pub(super) fn log_to_stderr(level: &str) {
    let filter = EnvFilter::new(log_filter(level));
    let subscriber = tracing_subscriber::fmt().json().flatten_event(true).with_writer(io::stderr);
    // Fails where a subscriber is set already, which then gets the messages.
    let _ = subscriber.with_env_filter(filter).try_init();
}

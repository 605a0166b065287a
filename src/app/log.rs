//! The thread that writes the access log.

use std::thread::JoinHandle;

use super::LAST_WORK;
use super::error::{StartError, StopError};
use crate::config::AccessLog;
use crate::telemetry::{LogSink, access_log};

pub(super) fn start(output: AccessLog) -> Result<(LogSink, Option<JoinHandle<()>>), StartError> {
    let (sink, writer) = access_log(output != AccessLog::Off);
    let Some(writer) = writer else { return Ok((sink, None)) };
    let thread = std::thread::Builder::new().name("access-log".to_owned());
    let thread = thread.spawn(move || match output {
        AccessLog::Stderr => writer.run(std::io::stderr()),
        AccessLog::Stdout | AccessLog::Off => writer.run(std::io::stdout()),
    });
    Ok((sink, Some(thread.map_err(|error| StartError::Thread("the access log", error))?)))
}

/// The writer of the access log ends with its last line, unless nobody reads what it writes.
pub(super) fn join(log: JoinHandle<()>) -> Result<(), StopError> {
    for _ in 0..100 {
        if log.is_finished() {
            return log.join().map_err(|_| StopError::Thread("access log"));
        }
        std::thread::sleep(LAST_WORK / 100);
    }
    Err(StopError::Stuck("writing the access log"))
}

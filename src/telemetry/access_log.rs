//! The access log: one JSON line a request, written off the data path.
//!
//! A worker appends lines to a buffer of its own and hands the buffer over when it is large or a
//! tick has passed. A writer that cannot keep up costs lines, which are counted, and never a request.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Bytes after which a buffer is handed over without waiting for the tick.
const LARGE: usize = 64 * 1024;
/// Buffers that may wait for the writer (worst case: 256 × a little over 64 KiB).
const WAITING: usize = 256;

/// Where workers send their lines. `None` inside: the log is off.
#[derive(Clone)]
pub struct LogSink {
    buffers: Option<SyncSender<Vec<u8>>>,
    dropped: Arc<AtomicU64>,
}

/// Writes lines until every [`LogSink`] is gone.
pub struct LogWriter {
    buffers: Receiver<Vec<u8>>,
}

/// A sink, and the writer to be run on a thread of its own; no writer where the log is off.
pub fn access_log(on: bool) -> (LogSink, Option<LogWriter>) {
    let dropped = Arc::new(AtomicU64::new(0));
    if !on {
        return (LogSink { buffers: None, dropped }, None);
    }
    let (buffers, waiting) = sync_channel(WAITING);
    (LogSink { buffers: Some(buffers), dropped }, Some(LogWriter { buffers: waiting }))
}

impl LogSink {
    pub fn is_on(&self) -> bool {
        self.buffers.is_some()
    }

    /// Lines that were lost because the writer could not keep up.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    pub fn buffer(&self) -> LogBuffer {
        LogBuffer { sink: self.clone(), bytes: Vec::new(), lines: 0 }
    }
}

impl LogWriter {
    /// Blocks. An output that is closed (a broken pipe) ends the log, not the gateway.
    pub fn run(self, mut output: impl Write) {
        for buffer in self.buffers {
            if let Err(error) = output.write_all(&buffer).and_then(|()| output.flush()) {
                tracing::error!(%error, "the access log cannot be written and ends here");
                return;
            }
        }
    }
}

/// A worker's lines that are not handed over yet.
pub struct LogBuffer {
    sink: LogSink,
    bytes: Vec<u8>,
    lines: u64,
}

impl LogBuffer {
    pub fn is_on(&self) -> bool {
        self.sink.is_on()
    }

    /// Adds one line, given without its line end.
    pub fn push(&mut self, line: &str) {
        self.bytes.extend_from_slice(line.as_bytes());
        self.bytes.push(b'\n');
        self.lines += 1;
        if self.bytes.len() >= LARGE {
            self.hand_over();
        }
    }

    /// To be called every tick, and at the end.
    pub fn hand_over(&mut self) {
        let Some(buffers) = &self.sink.buffers else { return };
        if self.bytes.is_empty() {
            return;
        }
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(LARGE + 1_024));
        match buffers.try_send(bytes) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.sink.dropped.fetch_add(self.lines, Ordering::Relaxed);
            }
        }
        self.lines = 0;
    }
}

impl Drop for LogBuffer {
    fn drop(&mut self) {
        self.hand_over();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_arrive_in_order_and_whole() {
        let (sink, writer) = access_log(true);
        let mut buffer = sink.buffer();
        for number in 0..5_000 {
            buffer.push(&format!("{{\"n\":{number}}}"));
        }
        drop((buffer, sink));
        let mut out = Vec::new();
        writer.expect("on").run(&mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(text.lines().enumerate().all(|(at, line)| line == format!("{{\"n\":{at}}}")));
        assert_eq!(text.lines().count(), 5_000);
    }

    #[test]
    fn a_stuck_writer_costs_lines_that_are_counted() {
        let (sink, writer) = access_log(true);
        let mut buffer = sink.buffer();
        for _ in 0..=WAITING + 4 {
            buffer.push("x");
            buffer.hand_over();
        }
        assert_eq!(sink.dropped(), 5);
        drop(writer);
    }
}

//! The access log: one JSON line a request, written off the data path.
//!
//! A worker appends lines to a buffer of its own and hands the buffer over when it is large or a
//! tick has passed. A writer that cannot keep up costs lines, which are counted, and never a request.

use std::borrow::Cow;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};

/// Bytes after which a buffer is handed over without waiting for the tick.
const LARGE: usize = 16 * 1024;
/// Buffers that may wait for the writer (worst case: 1,024 × a little over 16 KiB).
const WAITING: usize = 1_024;

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

/// Takes token texts out of what is logged: a client may put one where no credential belongs.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// `<prefix>_`.
    start: String,
}

impl Redaction {
    pub fn new(prefix: &str) -> Self {
        Self { start: format!("{prefix}_") }
    }

    /// Appends `text` as the inside of a JSON string, with each token of ours as `[token]`. Characters
    /// of a token that are percent-encoded without need are written plainly: no encoding hides one.
    pub fn append(&self, line: &mut String, text: &str) {
        let text = plain(text);
        let mut rest = &*text;
        while let Some((before, after)) = rest.split_once(&self.start) {
            escape(line, before);
            let word = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
            // Shorter than a token's kind and body: an ordinary word that begins like one.
            if word < 20 {
                line.push_str(&self.start);
                rest = after;
            } else {
                line.push_str("[token]");
                rest = &after[word..];
            }
        }
        escape(line, rest);
    }
}

/// `text` with `%5F` and the like as the letter, digit or underscore that they stand for, which is
/// the same address (RFC 3986 section 6.2.2.2).
fn plain(text: &str) -> Cow<'_, str> {
    let mut pieces = text.split('%');
    let (Some(first), true) = (pieces.next(), text.contains('%')) else { return Cow::Borrowed(text) };
    let mut plain = String::from(first);
    for piece in pieces {
        let byte = piece.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|&byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            Some(byte) => {
                plain.push(char::from(byte));
                plain.push_str(&piece[2..]);
            }
            None => {
                plain.push('%');
                plain.push_str(piece);
            }
        }
    }
    Cow::Owned(plain)
}

fn escape(line: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '"' => line.push_str("\\\""),
            '\\' => line.push_str("\\\\"),
            c if c < ' ' || c == '\u{7f}' => line.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => line.push(c),
        }
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

    #[test]
    fn tokens_are_taken_out_and_strings_stay_valid_json() {
        let redaction = Redaction::new("kg");
        let token = ["kg", "svc", "000000000000000000000000000000abcdef"].join("_");
        let mut line = String::from("\"");
        redaction.append(&mut line, &format!("/a\"b\\c\u{1}/{token}/kg_short/{token}é"));
        line.push('"');
        let back: String = serde_json::from_str(&line).expect("JSON");
        assert_eq!(back, "/a\"b\\c\u{1}/[token]/kg_short/[token]é");
    }

    #[test]
    fn no_encoding_hides_a_token_and_all_else_stays_as_it_was_sent() {
        let redaction = Redaction::new("kg");
        let encoded: String = ["kg", "svc", "000000000000000000000000000000abcdef"]
            .join("_")
            .bytes()
            .map(|byte| format!("%{byte:02x}"))
            .collect();
        let mut line = String::new();
        redaction.append(&mut line, &format!("/%2e%2e/{encoded}/%/%4/%é/%zz/%25/%41"));
        assert_eq!(line, "/%2e%2e/[token]/%/%4/%é/%zz/%25/A");
    }
}

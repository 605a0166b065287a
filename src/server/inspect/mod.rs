//! The bytes of an HTTP/1 connection, looked at before they are parsed.
//!
//! A parser that is kind to odd clients reads on where two servers could read differently, or tells
//! afterwards no more of it: a line that ends with LF alone, a length that stands twice, a `#` in the
//! target. So the [`Inspector`] follows each message from its first byte to its last, and lets through
//! only what has one reading. It is pure: bytes in, how many of them may pass out. It knows nothing of
//! sockets, and changes no byte.
//!
//! What can be seen as well in the parsed headers is judged there, once for all versions of HTTP.

mod characters;
mod chunks;
mod fault;
mod framing;
mod head;

pub use fault::Fault;
pub use framing::{BodyLength, plain_length};
pub use head::HeadLimits;

use chunks::Chunks;
use head::HeadScan;

/// Follows the requests of one connection.
#[derive(Debug)]
pub struct Inspector {
    limits: HeadLimits,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    Head(HeadScan),
    /// Bytes of a body that are still to come.
    Length(u64),
    Chunked(Chunks),
}

/// What may become of the bytes that were looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// So many of them may be parsed; never more than to the end of one message.
    pub pass: usize,
    /// A head is complete among these, and such a body follows it.
    pub head: Option<BodyLength>,
    /// What comes behind them is refused, and nothing after it means anything.
    pub fault: Option<Fault>,
}

impl Inspector {
    pub fn new(limits: HeadLimits) -> Self {
        Self { limits, state: State::Head(HeadScan::default()) }
    }

    /// Whether a head is next, or has begun.
    pub fn is_at_head(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    /// Whether the head that is being read is that of a HEAD request, as far as it was read.
    pub fn is_head_method(&self) -> bool {
        matches!(&self.state, State::Head(scan) if scan.is_head_method())
    }

    /// Looks at the bytes behind those that passed. Bytes of a head that is not complete do not pass, and
    /// are given again with more behind them.
    pub fn inspect(&mut self, bytes: &[u8]) -> Passage {
        let State::Head(scan) = &mut self.state else { return self.inspect_body(bytes) };
        let head = match scan.read(bytes, self.limits) {
            Ok(Some(head)) => head,
            Ok(None) => return Passage { pass: 0, head: None, fault: None },
            Err(fault) => return Passage { pass: 0, head: None, fault: Some(fault) },
        };
        self.state = match head.body {
            BodyLength::Exactly(0) => State::Head(HeadScan::default()),
            BodyLength::Exactly(length) => State::Length(length),
            BodyLength::Chunked => State::Chunked(Chunks::new()),
        };
        let body = match self.state {
            State::Head(_) => Passage { pass: 0, head: None, fault: None },
            State::Length(_) | State::Chunked(_) => self.inspect_body(&bytes[head.length..]),
        };
        Passage { pass: head.length + body.pass, head: Some(head.body), fault: body.fault }
    }

    fn inspect_body(&mut self, bytes: &[u8]) -> Passage {
        let (pass, is_over, fault) = match &mut self.state {
            State::Head(_) => (0, false, None),
            State::Length(left) => {
                let pass = bytes.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
                *left -= pass as u64;
                (pass, *left == 0, None)
            }
            State::Chunked(chunks) => {
                let (pass, fault) = chunks.read(bytes, self.limits);
                (pass, chunks.is_over(), fault)
            }
        };
        if is_over {
            self.state = State::Head(HeadScan::default());
        }
        Passage { pass, head: None, fault }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LIMITS: HeadLimits = HeadLimits { max_bytes: 1_000, max_lines: 10 };
    const GET: &str = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n";
    const POST: &str = "POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /";
    const CHUNKED: &str =
        "PUT /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nGET\r\n0\r\nX: 1\r\n\r\n";

    /// What passes of bytes that arrive in these pieces: the messages, and the fault that ended them.
    fn messages(bytes: &[u8], mut piece: impl FnMut() -> usize) -> (Vec<(usize, Option<BodyLength>)>, Option<Fault>) {
        let mut inspector = Inspector::new(LIMITS);
        let (mut from, mut to, mut messages) = (0, 0, Vec::new());
        let mut current = (0, None);
        loop {
            let passage = inspector.inspect(&bytes[from..to]);
            from += passage.pass;
            current = (current.0 + passage.pass, passage.head.or(current.1));
            if passage.fault.is_some() {
                return (messages, passage.fault);
            }
            if passage.pass > 0 && inspector.is_at_head() {
                messages.push(std::mem::take(&mut current));
            } else if to == bytes.len() {
                return (messages, None);
            }
            to = (to + piece()).min(bytes.len());
        }
    }

    #[test]
    fn each_message_is_found_behind_the_one_before_it() {
        let all = [GET, POST, CHUNKED, GET].concat();
        let expected = vec![
            (GET.len(), Some(BodyLength::Exactly(0))),
            (POST.len(), Some(BodyLength::Exactly(5))),
            (CHUNKED.len(), Some(BodyLength::Chunked)),
            (GET.len(), Some(BodyLength::Exactly(0))),
        ];
        for size in [1, 2, 3, 7, 1_000] {
            assert_eq!(messages(all.as_bytes(), || size), (expected.clone(), None));
        }
    }

    #[test]
    fn nothing_passes_behind_a_fault() {
        let all = [GET, "GET /x HTTP/1.1\nHost: a\r\n\r\n", GET].concat();
        let expected = (vec![(GET.len(), Some(BodyLength::Exactly(0)))], Some(Fault::LineEnd));
        assert_eq!(messages(all.as_bytes(), || 1_000), expected);
        let all = CHUNKED.replace("3\r\nGET", "4\r\nGET");
        assert_eq!(messages(all.as_bytes(), || 1_000).1, Some(Fault::ChunkEnd));
    }

    proptest! {
        #[test]
        fn how_bytes_arrive_changes_nothing(
            order in proptest::collection::vec(0usize..3, 1..6),
            pieces in proptest::collection::vec(1usize..40, 1..40),
            broken in proptest::option::of((0usize..200, any::<u8>())),
        ) {
            let mut all: Vec<u8> = order.iter().flat_map(|&at| [GET, POST, CHUNKED][at].bytes()).collect();
            if let Some((at, byte)) = broken {
                let at = at % all.len();
                all[at] = byte;
            }
            let mut next = pieces.iter().cycle().copied();
            let piecewise = messages(&all, || next.next().expect("a cycle"));
            prop_assert_eq!(piecewise, messages(&all, || usize::MAX / 2));
        }
    }
}

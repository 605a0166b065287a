//! What an HTTP/2 client sends that is no request: frames that cost us and bring nobody anything.
//!
//! h2 acknowledges each PING and takes each SETTINGS, however many there are. So the heads of a client's
//! frames are followed, nine bytes each, and what is no part of a request is charged to a budget, which
//! time fills up again and useful work does: answers that were taken whole, their pieces and their bytes. A
//! client that has spent it all is told to calm down, and its connection ends. Proper clients stay far from
//! that: they open windows as they take bytes, cancel some requests, and ask for a sign of life now and
//! then, gRPC's with each piece of an answer.

use super::sweep::Sweep;

/// What a client may have spent at once, and what comes back in a second.
const BUDGET: u32 = 2_000;
const A_SECOND: u32 = 100;
/// So many bytes that the client has taken give one back.
const BYTES: u64 = 1024;

/// Requests whose heads pass at a time. A head can take a hundred times its bytes in memory, until somebody looks
/// at it.
const HEADS: usize = 4;

const HEADERS: u8 = 1;

/// Before the first frame.
const PREFACE: usize = 24;
const HEAD: usize = 9;

/// `too much of that` (RFC 9113 section 7).
const ENHANCE_YOUR_CALM: u8 = 11;

/// Follows the frames of one client.
pub(super) struct Glitches {
    head: [u8; HEAD],
    /// Bytes of the head that are here.
    have: usize,
    /// Bytes that follow before the next head.
    skip: usize,
    /// The last stream that the client has opened.
    last_stream: [u8; 4],
    left: u32,
    /// The tick up to which time has filled the budget.
    at: u64,
    /// Bytes that have not given anything back yet.
    bytes: u64,
}

impl Glitches {
    /// `now`: in ticks of the [`Sweep`].
    pub(super) fn new(now: u64) -> Self {
        let (head, last_stream) = ([0; HEAD], [0; 4]);
        Self { head, have: 0, skip: PREFACE, last_stream, left: BUDGET, at: now, bytes: 0 }
    }

    /// The client has sent this. How many bytes of it may pass now: those before the next head of a request
    /// once [`HEADS`] are among them. `None` where it was too much.
    pub(super) fn follow(&mut self, bytes: &[u8], now: u64) -> Option<usize> {
        self.refill(now);
        let (mut rest, mut heads) = (bytes, 0);
        while !rest.is_empty() {
            let skipped = self.skip.min(rest.len());
            self.skip -= skipped;
            rest = &rest[skipped..];
            if heads == HEADS && self.skip == 0 {
                break;
            }
            let taken = (HEAD - self.have).min(rest.len());
            self.head[self.have..self.have + taken].copy_from_slice(&rest[..taken]);
            self.have += taken;
            rest = &rest[taken..];
            if self.have == HEAD {
                self.have = 0;
                self.skip = self.length();
                self.left = self.left.saturating_sub(self.cost());
                heads += usize::from(self.head[3] == HEADERS);
            }
        }
        (self.left > 0).then_some(bytes.len() - rest.len())
    }

    /// What requests have earned, and so many bytes went out.
    pub(super) fn earn(&mut self, earned: u32, bytes: u64) {
        let bytes = self.bytes + bytes;
        self.bytes = bytes % BYTES;
        self.give(u32::try_from(u64::from(earned) + bytes / BYTES).unwrap_or(BUDGET));
    }

    fn refill(&mut self, now: u64) {
        let per_tick = u64::from(A_SECOND) * Sweep::TICK.as_millis() as u64 / 1_000;
        let gained = now.saturating_sub(self.at).saturating_mul(per_tick);
        self.at = now;
        self.give(u32::try_from(gained).unwrap_or(BUDGET));
    }

    fn give(&mut self, more: u32) {
        // What is spent is spent: the connection ends.
        if self.left > 0 {
            self.left = self.left.saturating_add(more).min(BUDGET);
        }
    }

    fn length(&self) -> usize {
        usize::from(self.head[0]) << 16 | usize::from(self.head[1]) << 8 | usize::from(self.head[2])
    }

    /// What a frame is charged. A request costs nothing here, nor do bytes of its body: others count those.
    fn cost(&mut self) -> u32 {
        let (empty, last) = (self.length() == 0, self.head[4] & 1 != 0);
        match self.head[3] {
            // DATA: one that is empty is good for ending a body.
            0 if empty && !last => 10,
            0 => 0,
            HEADERS => {
                self.last_stream.copy_from_slice(&self.head[5..]);
                0
            }
            // RST_STREAM: what was begun is thrown away.
            3 => 10,
            // SETTINGS: each may change the windows of all streams.
            4 => 20,
            // PRIORITY, PING, WINDOW_UPDATE, CONTINUATION, and what nobody knows.
            _ => 1,
        }
    }

    /// The frame that tells why the connection ends.
    pub(super) fn farewell(&self) -> [u8; 17] {
        let mut frame = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ENHANCE_YOUR_CALM];
        frame[HEAD..HEAD + 4].copy_from_slice(&self.last_stream);
        frame
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, payload: usize) -> Vec<u8> {
        let mut bytes = vec![0, (payload >> 8) as u8, payload as u8, kind, flags, 0, 0, 0, 3];
        bytes.resize(HEAD + payload, 0xff);
        bytes
    }

    /// How many of a frame are too many, however they are cut.
    fn too_many(bytes: &[u8], piece: usize) -> Option<usize> {
        let mut glitches = Glitches::new(0);
        assert_eq!(glitches.follow(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0), Some(24));
        (1..=50_000).find(|_| bytes.chunks(piece).any(|piece| glitches.follow(piece, 0).is_none()))
    }

    #[test]
    fn a_flood_of_frames_that_are_no_request_is_too_much() {
        for (what, bytes, count) in [
            ("PING", frame(6, 0, 8), 2_000),
            ("WINDOW_UPDATE", frame(8, 0, 4), 2_000),
            ("PRIORITY", frame(2, 0, 5), 2_000),
            ("SETTINGS", frame(4, 0, 6), 100),
            ("RST_STREAM", frame(3, 0, 4), 200),
            ("empty DATA", frame(0, 0, 0), 200),
            ("unknown", frame(99, 0, 300), 2_000),
        ] {
            for piece in [1, 7, 9, 1000] {
                assert_eq!(too_many(&bytes, piece), Some(count), "{what} in pieces of {piece}");
            }
        }
        assert_eq!(too_many(&frame(0, 0, 20), 9), None, "bytes of a body");
        assert_eq!(too_many(&frame(0, 1, 0), 9), None, "the end of one");
        assert_eq!(too_many(&frame(1, 5, 20), 9), None, "requests");
    }

    #[test]
    fn time_and_work_give_back() {
        let ping = frame(6, 0, 8);
        let mut glitches = Glitches::new(0);
        glitches.skip = 0;
        for second in 1..500 {
            assert!((0..A_SECOND).all(|_| glitches.follow(&ping, second * 10).is_some()), "as many as come back");
        }
        let reset = frame(3, 0, 4);
        for _ in 0..5_000 {
            assert!(glitches.follow(&reset, 5_000).is_some(), "each second request is cancelled");
            glitches.earn(20, 0);
        }
        let window = frame(8, 0, 4);
        for _ in 0..50_000 {
            assert!(glitches.follow(&window, 5_000).is_some(), "a window is opened for what was taken");
            glitches.earn(0, 1_100);
        }
        assert!((0..BUDGET).any(|_| glitches.follow(&ping, 5_000).is_none()));
        glitches.earn(1_000, 1 << 30);
        assert!(glitches.follow(&ping, 50_000).is_none(), "too late");
    }

    #[test]
    fn so_many_heads_pass_at_a_time() {
        let (request, data) = (frame(HEADERS, 4, 20), frame(0, 0, 50));
        let many = [data.clone(), request.repeat(HEADS), data, request.repeat(3)].concat();
        let first = 59 + HEADS * request.len();
        for cut in 0..many.len() {
            let mut glitches = Glitches::new(0);
            glitches.skip = 0;
            let (mut passed, mut rounds) = (0, Vec::new());
            for piece in [&many[..cut], &many[cut..]] {
                let end = passed + piece.len();
                while passed < end {
                    let pass = glitches.follow(&many[passed..end], 0).expect("a budget");
                    passed += pass;
                    rounds.push(passed);
                }
            }
            assert!(cut > 0 || rounds == [first, many.len()], "{rounds:?}");
            assert_eq!(passed, many.len(), "cut at {cut}");
        }
    }

    #[test]
    fn the_farewell_names_the_last_stream() {
        let mut glitches = Glitches::new(0);
        glitches.skip = 0;
        glitches.follow(&frame(1, 5, 1), 0);
        assert_eq!(glitches.farewell(), [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 11]);
    }
}

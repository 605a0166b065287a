//! What a connection of HTTP/2 holds of answers that its client does not take.
//!
//! A client may open a hundred streams and read none. What was fetched for each of them waits here: it may not be
//! sent, or nobody takes it from the socket. So the streams of a connection have room for so much together. While
//! there is some, each fetches as much as it likes; when there is none, each fetches one piece, and another when
//! that is gone. So no stream waits for another one, however much that one holds.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};

use bytes::{Buf, Bytes};

use super::state::ConnectionState;

/// Bytes for all streams of a connection together.
const ROOM: usize = 256 * 1024;
/// What a stream may fetch at once where there is room: as much as anybody reads at once.
const MUCH: usize = 128 * 1024;
/// The same where there is none: smaller pieces would cost more than they save.
const PIECE: usize = 16 * 1024;
/// A stream that has less on its way may fetch even then. Many small pieces may be on their way together.
const FEW: usize = 4 * 1024;
/// What is shorter is copied: it would keep all that was read together with it in memory.
const SHORT: usize = 8 * 1024;
/// What a piece takes besides its bytes, or more: here, and in the lines of whoever sends it.
const BESIDES: usize = 512;

/// What one stream holds. Its body has it.
pub struct Holding {
    way: Arc<Way>,
    /// Fetched, and not handed over.
    kept: usize,
}

/// What is handed over and not gone. One thread uses it; it is made of what several could use, because a piece has to
/// be `Send`.
struct Way {
    of_connection: Arc<AtomicUsize>,
    of_stream: AtomicUsize,
    waits: Mutex<Option<Waker>>,
}

/// Bytes of an answer, which count until they are dropped.
pub struct Piece {
    bytes: Bytes,
    counted: Option<(Arc<Way>, usize)>,
}

impl Holding {
    pub fn new(connection: &ConnectionState) -> Self {
        Self::of(Arc::clone(connection.held()))
    }

    fn of(of_connection: Arc<AtomicUsize>) -> Self {
        let way = Way { of_connection, of_stream: AtomicUsize::new(0), waits: Mutex::new(None) };
        Self { way: Arc::new(way), kept: 0 }
    }

    /// How many bytes may be fetched now. `None`: those that are on their way have to be gone first; the task is woken
    /// then.
    pub fn room(&self, cx: &Context<'_>) -> Option<usize> {
        let Way { of_connection, of_stream, waits } = &*self.way;
        if of_connection.load(Ordering::Relaxed) < ROOM {
            return Some(MUCH);
        }
        if of_stream.load(Ordering::Relaxed) < FEW {
            return Some(PIECE);
        }
        *waits.lock().unwrap_or_else(PoisonError::into_inner) = Some(cx.waker().clone());
        None
    }

    /// So many bytes are fetched and wait to be handed over.
    pub fn keeps(&mut self, bytes: usize) {
        let before = std::mem::replace(&mut self.kept, bytes);
        if bytes != before {
            self.way.of_connection.fetch_add(bytes.wrapping_sub(before), Ordering::Relaxed);
        }
    }

    /// Hands bytes over.
    pub fn hand(&self, bytes: Bytes) -> Piece {
        let bytes = if bytes.len() < SHORT { Bytes::copy_from_slice(&bytes) } else { bytes };
        let size = bytes.len() + BESIDES;
        self.way.of_connection.fetch_add(size, Ordering::Relaxed);
        self.way.of_stream.fetch_add(size, Ordering::Relaxed);
        Piece { bytes, counted: Some((Arc::clone(&self.way), size)) }
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.keeps(0);
    }
}

/// Bytes that count nowhere.
impl From<Bytes> for Piece {
    fn from(bytes: Bytes) -> Self {
        Self { bytes, counted: None }
    }
}

impl Buf for Piece {
    fn remaining(&self) -> usize {
        self.bytes.len()
    }

    fn chunk(&self) -> &[u8] {
        &self.bytes
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        let Some((way, size)) = &self.counted else { return };
        way.of_connection.fetch_sub(*size, Ordering::Relaxed);
        let before = way.of_stream.fetch_sub(*size, Ordering::Relaxed);
        // Who waits does so because of as much.
        if before >= FEW && before - size < FEW {
            let waker = way.waits.lock().unwrap_or_else(PoisonError::into_inner).take();
            waker.into_iter().for_each(Waker::wake);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::task::Wake;

    use bytes::BytesMut;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicBool);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn streams<const COUNT: usize>() -> [Holding; COUNT] {
        let of_connection = Arc::default();
        std::array::from_fn(|_| Holding::of(Arc::clone(&of_connection)))
    }

    fn bytes(count: usize) -> Bytes {
        Bytes::from(vec![0; count])
    }

    #[test]
    fn a_stream_waits_for_its_own_bytes_and_for_no_other_stream() {
        let woken = Arc::<Woken>::default();
        let waker = Waker::from(Arc::clone(&woken));
        let cx = Context::from_waker(&waker);
        let [one, other] = streams();
        let much: Vec<Piece> = (0..2).map(|_| one.hand(bytes(MUCH))).collect();
        assert_eq!(one.room(&cx), None, "it has used all of the room");
        assert_eq!(other.room(&cx), Some(PIECE), "which is no concern of another one");
        let (first, second) = (other.hand(bytes(PIECE)), other.hand(bytes(PIECE)));
        assert_eq!(other.room(&cx), None);
        drop(first);
        assert!(!woken.0.load(Ordering::Relaxed), "another one is on its way");
        drop(second);
        assert!(woken.0.load(Ordering::Relaxed));
        assert_eq!(other.room(&cx), Some(PIECE));
        drop(much);
        assert_eq!((one.room(&cx), other.room(&cx)), (Some(MUCH), Some(MUCH)));
    }

    #[test]
    fn what_is_fetched_counts_before_it_is_handed_over_and_until_nobody_has_it() {
        let cx = Context::from_waker(Waker::noop());
        let [mut one, other] = streams();
        one.keeps(ROOM);
        assert_eq!(other.room(&cx), Some(PIECE));
        let piece = one.hand(bytes(ROOM / 2));
        one.keeps(ROOM / 2);
        assert_eq!(other.room(&cx), Some(PIECE));
        drop(one);
        assert_eq!(other.room(&cx), Some(MUCH), "what was kept is gone with who kept it");
        let rest = other.hand(bytes(ROOM / 2));
        assert_eq!(other.room(&cx), None, "and what is on its way is not");
        drop((piece, rest));
        assert_eq!(other.way.of_connection.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_short_piece_keeps_nothing_but_itself() {
        let [stream] = streams();
        let mut read = BytesMut::with_capacity(2 * MUCH);
        read.extend_from_slice(&[0; 20]);
        let piece = stream.hand(read.split().freeze());
        assert!(read.try_reclaim(2 * MUCH), "what it was read to is free");
        let pieces: Vec<Piece> = (0..ROOM / BESIDES).map(|_| stream.hand(Bytes::from_static(b"x"))).collect();
        assert_eq!(stream.room(&Context::from_waker(Waker::noop())), None, "many small ones are much");
        drop((piece, pieces));
    }
}

//! The bytes of an upstream's answer: what a client may be told of them, and where the answer ends.

use keygate::proxy::{WholeAnswer, read_answer};

/// The first byte says in what pieces the others arrive, whether `HEAD` was asked, and whether the connection ends
/// behind them. They come to the same as in one piece, nothing of them is made up, and no header that is about the
/// connection alone is left.
pub fn answer(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let (is_head_asked, ends) = (first & 1 != 0, first & 2 != 0);
    let pieces: Vec<&[u8]> = bytes.chunks(usize::from(first >> 2).max(1)).collect();
    let (whole, apart) = (read_answer(&[bytes], is_head_asked, ends), read_answer(&pieces, is_head_asked, ends));
    assert_eq!(whole.is_ok(), apart.is_ok(), "{whole:?}, and in pieces {apart:?}");
    let (Ok(whole), Ok(apart)) = (whole, apart) else { return };
    assert_eq!(whole, apart, "how the bytes arrive makes a difference");
    if let Some(answer) = whole {
        check(&answer, bytes, is_head_asked);
    }
}

fn check(answer: &WholeAnswer, bytes: &[u8], is_head_asked: bool) {
    assert!(answer.body.len() + answer.rest <= bytes.len(), "more than there was");
    let is_bare = is_head_asked || matches!(answer.status.as_u16(), 101 | 204 | 304);
    assert!(!is_bare || answer.body.is_empty() && answer.is_over, "a body where none can be");
    assert!(answer.status.as_u16() == 101 || !answer.status.is_informational(), "an answer that announces another");
    let gone = ["connection", "keep-alive", "transfer-encoding", "te", "upgrade", "proxy-connection"];
    assert!(answer.status.as_u16() == 101 || gone.iter().all(|name| !answer.headers.contains_key(*name)));
    let mut lengths = answer.headers.get_all("content-length").iter();
    if let (Some(length), false) =
        (lengths.next().and_then(|length| length.to_str().ok()?.parse::<u64>().ok()), is_bare)
    {
        assert!(answer.body.len() as u64 <= length, "a body that is longer than it says");
        assert!(!answer.is_over || answer.body.len() as u64 == length, "a body that is shorter than it says");
    }
}

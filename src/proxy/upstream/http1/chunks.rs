//! Reading a body that comes in chunks (RFC 9112 section 7.1).

use bytes::{Buf, Bytes, BytesMut};
use http::HeaderMap;
use hyper::body::Frame;

use super::fault::Fault;
use super::response;

/// Bytes of extensions in all of a body, and of its trailer: nobody needs them, and they cost.
pub(super) const MOST_EXTRA: usize = 16 * 1024;

/// How far the reader is. It takes whole lines only, so what is read next always stands at the buffer's beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Size,
    /// So many bytes of this chunk are still to come.
    Data(u64),
    /// The end of the line behind a chunk.
    DataEnd,
    Trailer,
    Over,
}

/// The reader of one body.
#[derive(Debug)]
pub(super) struct Chunks {
    stage: Stage,
    /// Bytes of extensions so far.
    extra: usize,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { stage: Stage::Size, extra: 0 }
    }

    pub(super) fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    /// The next frame of what was read. `None`: it takes more bytes, or the body is over.
    ///
    /// # Errors
    /// What was read cannot be the next of a chunked body.
    pub(super) fn next(&mut self, read: &mut BytesMut) -> Result<Option<Frame<Bytes>>, Fault> {
        loop {
            match self.stage {
                Stage::Over => return Ok(None),
                Stage::Size => {
                    let Some(size) = self.size(read)? else { return Ok(None) };
                    self.stage = if size == 0 { Stage::Trailer } else { Stage::Data(size) };
                }
                Stage::Data(_) if read.is_empty() => return Ok(None),
                Stage::Data(left) => {
                    let taken = usize::try_from(left).unwrap_or(usize::MAX).min(read.len());
                    let left = left - taken as u64;
                    self.stage = if left == 0 { Stage::DataEnd } else { Stage::Data(left) };
                    return Ok(Some(Frame::data(read.split_to(taken).freeze())));
                }
                Stage::DataEnd => {
                    match read[..] {
                        [b'\r', b'\n', ..] => read.advance(2),
                        [] | [b'\r'] => return Ok(None),
                        _ => return Err(Fault::Chunk),
                    }
                    self.stage = Stage::Size;
                }
                Stage::Trailer => {
                    if read.starts_with(b"\r\n") {
                        read.advance(2);
                        self.stage = Stage::Over;
                        return Ok(None);
                    }
                    let Some(trailer) = trailer(read)? else { return Ok(None) };
                    self.stage = Stage::Over;
                    return Ok(Some(Frame::trailers(trailer)));
                }
            }
        }
    }

    /// Takes the line that tells the size of the next chunk.
    fn size(&mut self, read: &mut BytesMut) -> Result<Option<u64>, Fault> {
        let end = memchr::memchr(b'\n', read);
        let line = &read[..end.unwrap_or(read.len())];
        let (line, has_end) = line.strip_suffix(b"\r").map_or((line, false), |line| (line, true));
        let (digits, rest) = line.split_at(line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count());
        // A blank may stand before an extension, and in practice behind the size too; no other byte may, and no lone
        // CR, which some take for the end of a line.
        let blanks = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        let is_lawful = matches!(rest[blanks..], [] | [b';', ..]) && !rest.contains(&b'\r');
        let has_size = !digits.is_empty() || line.is_empty() && !has_end && end.is_none();
        let extra = self.extra + rest.len();
        if !is_lawful || !has_size || digits.len() > 16 || extra > MOST_EXTRA {
            return Err(Fault::Chunk);
        }
        let Some(end) = end else { return Ok(None) };
        if !has_end {
            return Err(Fault::Chunk);
        }
        self.extra = extra;
        let digits = digits.iter().filter_map(|&digit| char::from(digit).to_digit(16));
        let size = digits.fold(0, |size, digit| size << 4 | u64::from(digit));
        read.advance(end + 1);
        Ok(Some(size))
    }
}

/// Takes the lines behind the last chunk, and the empty one that ends them.
fn trailer(read: &mut BytesMut) -> Result<Option<HeaderMap>, Fault> {
    let end = memchr::memmem::find(read, b"\r\n\r\n").map(|at| at + 4);
    let Some(end) = end.filter(|&end| end <= MOST_EXTRA) else {
        return if read.len() > MOST_EXTRA { Err(Fault::Trailer) } else { Ok(None) };
    };
    let bytes = read.split_to(end);
    // A lone LF ends a line for some, and for others it does not.
    let is_bare = |at: usize| at == 0 || bytes[at - 1] != b'\r';
    if memchr::memchr_iter(b'\n', &bytes).any(is_bare) {
        return Err(Fault::Trailer);
    }
    let mut lines = [httparse::EMPTY_HEADER; response::MOST_LINES];
    match httparse::parse_headers(&bytes, &mut lines) {
        Ok(httparse::Status::Complete((length, lines))) if length == end => response::trailer(lines).map(Some),
        _ => Err(Fault::Trailer),
    }
}

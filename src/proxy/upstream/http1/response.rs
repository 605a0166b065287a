//! Reading the head of an answer (RFC 9112), and where its body ends (section 6.3).

use std::mem::MaybeUninit;
use std::ops::Range;

use bytes::BytesMut;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, Version};
use httparse::{Header, ParserConfig};
use hyper::ext::ReasonPhrase;

use super::fault::Fault;
use crate::proxy::headers::is_about_the_connection;

/// Of a head. Envoy takes as much; nginx takes a page or two.
pub(super) const MOST_BYTES: usize = 64 * 1024;
/// Of a head, and of a trailer.
pub(super) const MOST_LINES: usize = 100;

/// Where a body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    Chunked,
    /// With the connection.
    Close,
}

/// A head that was read. Of its headers, those that are about this connection alone are left out, but for a 101's.
#[derive(Debug)]
pub(super) struct Head {
    pub(super) parts: Parts,
    pub(super) framing: Framing,
    /// The connection may carry another request afterwards.
    pub(super) keeps_alive: bool,
}

/// Why a head is not to be passed on.
#[derive(Debug)]
pub(super) enum HeadError {
    /// It is none.
    Fault(Fault),
    /// It is one, and says what a client must not hear.
    Unlawful(&'static str),
}

impl From<Fault> for HeadError {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// A line of the head: what it is, and where its value stands.
struct Line {
    name: HeaderName,
    kind: Kind,
    place: Range<usize>,
}

/// What a line is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What the client is told.
    Content,
    Length,
    Connection,
    Coding,
    /// This connection alone, in another way (RFC 9110 section 7.6.1).
    Hop,
}

impl Kind {
    fn of(name: &HeaderName) -> Self {
        match name.as_str() {
            "content-length" => Self::Length,
            "connection" => Self::Connection,
            "transfer-encoding" => Self::Coding,
            other if is_about_the_connection(other) => Self::Hop,
            _ => Self::Content,
        }
    }
}

/// Of a head whose names are kept for the next one.
const KEPT: usize = 4 * 1024;

/// Reads heads, one after the other, and keeps the memory that it takes.
#[derive(Default)]
pub(super) struct Reader {
    /// Of the head that was read last. The next one over the connection mostly has the same names in the same order,
    /// and to compare a name costs a quarter of what it costs to read it.
    lines: Vec<Line>,
    /// Its bytes.
    length: usize,
    /// Bytes of the heads that were passed over since [`Reader::begin`].
    passed: usize,
}

impl Reader {
    /// Before each request.
    pub(super) fn begin(&mut self) {
        self.passed = 0;
    }

    /// Takes a head from the beginning of what was read. Answers that only announce others (1xx but 101) are passed
    /// over, until they are as long together as a head may be. `headers` is empty, and becomes the head's. `None`: it takes
    /// more bytes.
    ///
    /// # Errors
    /// What was read is no head, or one that leaves open where its body ends.
    pub(super) fn head(
        &mut self,
        read: &mut BytesMut,
        headers: &mut HeaderMap,
        is_head_asked: bool,
    ) -> Result<Option<Head>, HeadError> {
        while !read.is_empty() {
            let Some(start) = self.parse(read)? else { return Ok(None) };
            let bytes = read.split_to(start.length);
            if start.status.is_informational() && start.status != StatusCode::SWITCHING_PROTOCOLS {
                self.passed += start.length;
                if self.passed > MOST_BYTES {
                    return Err(Fault::HeadTooLarge.into());
                }
                continue;
            }
            return Ok(Some(self.assemble(start, bytes, std::mem::take(headers), is_head_asked)?));
        }
        Ok(None)
    }

    fn parse(&mut self, read: &BytesMut) -> Result<Option<Start>, Fault> {
        let mut lines = [const { MaybeUninit::<Header<'_>>::uninit() }; MOST_LINES];
        let mut response = httparse::Response::new(&mut []);
        let parsed = ParserConfig::default().parse_response_with_uninit_headers(&mut response, read, &mut lines);
        let length = match parsed {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if read.len() > MOST_BYTES => return Err(Fault::HeadTooLarge),
            Ok(httparse::Status::Partial) => return Ok(None),
            Err(httparse::Error::TooManyHeaders) => return Err(Fault::HeadTooLarge),
            Err(error) => return Err(Fault::Head(error)),
        };
        if length > MOST_BYTES {
            return Err(Fault::HeadTooLarge);
        }
        self.length = length;
        self.lines.truncate(response.headers.len());
        for (at, line) in response.headers.iter().enumerate() {
            let begin = line.value.as_ptr().addr() - read.as_ptr().addr();
            self.note(at, line, begin..begin + line.value.len())?;
        }
        let code = response.code.unwrap_or_default();
        let status = StatusCode::from_u16(code).map_err(|_| Fault::Status(code))?;
        let reason = response.reason.filter(|&reason| Some(reason) != status.canonical_reason());
        let reason = reason.and_then(|reason| ReasonPhrase::try_from(reason.as_bytes().to_vec()).ok());
        Ok(Some(Start { status, reason, is_new: response.version == Some(1), length }))
    }

    fn note(&mut self, at: usize, line: &Header<'_>, place: Range<usize>) -> Result<(), Fault> {
        match self.lines.get_mut(at) {
            Some(known) if known.name.as_str().eq_ignore_ascii_case(line.name) => known.place = place,
            other => {
                let name = name(line)?;
                let line = Line { kind: Kind::of(&name), name, place };
                match other {
                    Some(known) => *known = line,
                    None => self.lines.push(line),
                }
            }
        }
        Ok(())
    }

    /// Frees what a large head took.
    pub(super) fn shrink(&mut self) {
        if self.length > KEPT {
            self.lines = Vec::new();
        }
    }

    fn assemble(
        &mut self,
        start: Start,
        bytes: BytesMut,
        mut headers: HeaderMap,
        is_head_asked: bool,
    ) -> Result<Head, HeadError> {
        let bytes = bytes.freeze();
        let mut said = Said { keeps_alive: start.is_new, ..Said::default() };
        let switches = start.status == StatusCode::SWITCHING_PROTOCOLS;
        headers.reserve(self.lines.len());
        for Line { name, kind, place } in &self.lines {
            said.note(*kind, &bytes[place.clone()])?;
            if switches || matches!(kind, Kind::Content | Kind::Length) {
                let value = bytes.slice(place.clone());
                headers.append(name, HeaderValue::from_maybe_shared(value).map_err(|_| NO_VALUE)?);
            }
        }
        said.others.drain(..).filter(|_| !switches).for_each(|name| drop(headers.remove(name)));
        let framing = said.framing(start.status, is_head_asked, start.is_new)?;
        let (mut parts, ()) = Response::new(()).into_parts();
        parts.status = start.status;
        parts.version = if start.is_new { Version::HTTP_11 } else { Version::HTTP_10 };
        parts.headers = headers;
        start.reason.and_then(|reason| parts.extensions.insert(reason));
        Ok(Head { parts, framing, keeps_alive: said.keeps_alive && framing != Framing::Close })
    }
}

/// httparse takes no byte that `HeaderValue` does not take.
const NO_VALUE: HeadError = HeadError::Fault(Fault::Head(httparse::Error::HeaderValue));

/// A status line, and how long the head is.
struct Start {
    status: StatusCode,
    /// Where it is not the usual one.
    reason: Option<ReasonPhrase>,
    /// HTTP/1.1, not 1.0.
    is_new: bool,
    length: usize,
}

/// What the lines of a head say of the connection and of the body's end.
#[derive(Default)]
struct Said {
    keeps_alive: bool,
    closes: bool,
    length: Option<u64>,
    is_chunked: bool,
    /// What else `Connection` says is about this connection alone.
    others: Vec<HeaderName>,
}

impl Said {
    fn note(&mut self, kind: Kind, value: &[u8]) -> Result<(), HeadError> {
        match kind {
            Kind::Content | Kind::Hop => {}
            Kind::Length => self.note_length(value)?,
            Kind::Connection => self.note_connection(value),
            // We take the framing off, and with it the header that would tell the client of another coding.
            Kind::Coding if self.is_chunked || !value.eq_ignore_ascii_case(b"chunked") => {
                return Err(HeadError::Unlawful(
                    "it has a transfer coding other than chunked once, which nobody asked for",
                ));
            }
            Kind::Coding => self.is_chunked = true,
        }
        Ok(())
    }

    fn note_connection(&mut self, value: &[u8]) {
        for token in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            if token.eq_ignore_ascii_case(b"close") {
                self.closes = true;
            } else if token.eq_ignore_ascii_case(b"keep-alive") {
                self.keeps_alive = true;
            } else {
                // A name that is none removes nothing, and the length is ours to tell.
                self.others.extend(HeaderName::from_bytes(token).ok().filter(|name| *name != CONTENT_LENGTH));
            }
        }
        self.keeps_alive &= !self.closes;
    }

    /// The same number several times is one number (RFC 9110 section 8.6).
    fn note_length(&mut self, value: &[u8]) -> Result<(), HeadError> {
        for number in value.split(|&byte| byte == b',') {
            let number = decimal(number.trim_ascii()).ok_or(BAD_LENGTH)?;
            if self.length.is_some_and(|length| length != number) {
                return Err(BAD_LENGTH);
            }
            self.length = Some(number);
        }
        Ok(())
    }

    fn framing(&self, status: StatusCode, is_head_asked: bool, is_new: bool) -> Result<Framing, HeadError> {
        // Two ways to tell where the body ends, which another reader may tell differently.
        if self.is_chunked && self.length.is_some() {
            return Err(HeadError::Unlawful("it has both Transfer-Encoding and Content-Length"));
        }
        if self.is_chunked && !is_new {
            return Err(HeadError::Unlawful("it has a transfer coding, which HTTP/1.0 does not know"));
        }
        let is_bare =
            matches!(status, StatusCode::SWITCHING_PROTOCOLS | StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        Ok(match self.length {
            _ if is_bare || is_head_asked => Framing::Length(0),
            Some(length) => Framing::Length(length),
            None if self.is_chunked => Framing::Chunked,
            None => Framing::Close,
        })
    }
}

const BAD_LENGTH: HeadError = HeadError::Unlawful("its Content-Length is not one number");

/// Digits alone, where `str::parse` takes a sign too.
fn decimal(digits: &[u8]) -> Option<u64> {
    let add = |sum: u64, digit: &u8| {
        let digit = digit.checked_sub(b'0').filter(|&digit| digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    };
    (!digits.is_empty()).then_some(0).and_then(|zero| digits.iter().try_fold(zero, add))
}

/// The lines of a trailer.
pub(super) fn trailer(lines: &[Header<'_>]) -> Result<HeaderMap, Fault> {
    let mut trailer = HeaderMap::with_capacity(lines.len());
    for line in lines {
        let value = HeaderValue::from_bytes(line.value).map_err(|_| Fault::Trailer)?;
        trailer.append(name(line).map_err(|_| Fault::Trailer)?, value);
    }
    Ok(trailer)
}

fn name(line: &Header<'_>) -> Result<HeaderName, Fault> {
    HeaderName::from_bytes(line.name.as_bytes()).map_err(|_| Fault::Head(httparse::Error::HeaderName))
}

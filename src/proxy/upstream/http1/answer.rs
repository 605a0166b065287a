//! An answer that is there as a whole: the same reading as that of a connection, without one.

use bytes::BytesMut;
use http::{HeaderMap, StatusCode};

use super::fault::Fault;
use super::payload::Payload;
use super::response::{HeadError, Reader};

/// What was read of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeAnswer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Vec<u8>,
    pub trailers: Option<HeaderMap>,
    /// Its end was seen.
    pub is_over: bool,
    /// Bytes behind its end.
    pub rest: usize,
}

/// Reads an answer from pieces, as they would come from an upstream. `ends`: the connection ends behind the last.
/// `None`: its head is not whole.
///
/// # Errors
/// Why it cannot be passed on.
pub fn read_answer(pieces: &[&[u8]], is_head_asked: bool, ends: bool) -> Result<Option<WholeAnswer>, String> {
    let (mut reader, mut read, mut headers) = (Reader::default(), BytesMut::new(), HeaderMap::new());
    let mut pieces = pieces.iter();
    let head = loop {
        if let Some(head) = reader.head(&mut read, &mut headers, is_head_asked).map_err(told)? {
            break head;
        }
        let Some(piece) = pieces.next() else { return Ok(None) };
        read.extend_from_slice(piece);
    };
    let (mut body, mut trailers) = (Vec::new(), None);
    let mut payload = Payload::new(head.framing);
    loop {
        while let Some(frame) = payload.next(&mut read).map_err(|fault| fault.to_string())? {
            match frame.into_data() {
                Ok(data) => body.extend_from_slice(&data),
                Err(frame) => trailers = frame.into_trailers().ok(),
            }
        }
        let Some(piece) = pieces.next() else { break };
        read.extend_from_slice(piece);
    }
    if ends {
        payload.end().map_err(|fault: Fault| fault.to_string())?;
    }
    let (status, headers, is_over) = (head.parts.status, head.parts.headers, payload.is_over());
    let rest = if is_over { read.len() } else { 0 };
    Ok(Some(WholeAnswer { status, headers, body, trailers, is_over, rest }))
}

fn told(error: HeadError) -> String {
    match error {
        HeadError::Fault(fault) => fault.to_string(),
        HeadError::Unlawful(fault) => fault.to_owned(),
    }
}

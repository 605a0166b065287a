//! HTTP/2 frame by frame, from a client that keeps to no rule but its test's.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::wait::DEADLINE;

pub const DATA: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

pub const END_STREAM: u8 = 1;
pub const END_HEADERS: u8 = 4;

/// `SETTINGS_INITIAL_WINDOW_SIZE`: what each stream may be sent.
pub const INITIAL_WINDOW: u16 = 4;

/// One frame.
#[derive(Debug, Clone)]
pub struct Frame {
    pub kind: u8,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

/// A connection.
pub struct Frames {
    stream: TcpStream,
}

/// The bytes of one frame.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a short payload").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// One setting's payload.
pub fn setting(id: u16, value: u32) -> Vec<u8> {
    [&id.to_be_bytes()[..], &value.to_be_bytes()].concat()
}

/// A header as HPACK writes it literally, without an index and not to be remembered.
pub fn literal(name: &str, value: &str) -> Vec<u8> {
    let mut bytes = vec![0];
    for text in [name, value] {
        integer(&mut bytes, text.len());
        bytes.extend(text.as_bytes());
    }
    bytes
}

/// With a prefix of seven bits (RFC 7541 section 5.1).
fn integer(bytes: &mut Vec<u8>, number: usize) {
    if number < 127 {
        bytes.push(number as u8);
        return;
    }
    bytes.push(127);
    let mut rest = number - 127;
    while rest >= 128 {
        bytes.push((rest % 128) as u8 | 128);
        rest /= 128;
    }
    bytes.push(rest as u8);
}

/// The headers of a request for the usual host.
pub fn head(method: &str, path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let usual = [(":method", method), (":scheme", "http"), (":authority", "gateway.localhost"), (":path", path)];
    usual.iter().chain(more).flat_map(|(name, value)| literal(name, value)).collect()
}

impl Frames {
    /// Connects, and begins with these settings.
    pub fn connect(address: SocketAddr, settings: &[(u16, u32)]) -> Self {
        Self::over(TcpStream::connect(address).expect("the gateway listens"), settings)
    }

    pub fn over(stream: TcpStream, settings: &[(u16, u32)]) -> Self {
        stream.set_nodelay(true).expect("a socket option");
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
        stream.set_write_timeout(Some(DEADLINE)).expect("a socket option");
        let mut frames = Self { stream };
        let settings: Vec<u8> = settings.iter().flat_map(|&(id, value)| setting(id, value)).collect();
        let begun = [&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..], &frame(SETTINGS, 0, 0, &settings)].concat();
        assert!(frames.try_write(&begun), "the gateway takes a preface");
        frames
    }

    /// Another handle of the same connection, which reads.
    pub fn reader(&self) -> Self {
        Self { stream: self.stream.try_clone().expect("a second handle") }
    }

    /// Whether bytes went out; the other side may have gone.
    pub fn try_write(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    pub fn try_send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.try_write(&frame(kind, flags, stream, payload))
    }

    #[track_caller]
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) {
        assert!(self.try_send(kind, flags, stream, payload), "the connection takes a frame");
    }

    /// A request without a body.
    #[track_caller]
    pub fn get(&mut self, stream: u32, path: &str, more: &[(&str, &str)]) {
        self.send(HEADERS, END_HEADERS | END_STREAM, stream, &head("GET", path, more));
    }

    /// Leaves room for so much more on a stream; 0: on the connection.
    #[track_caller]
    pub fn open_window(&mut self, stream: u32, by: u32) {
        self.send(WINDOW_UPDATE, 0, stream, &by.to_be_bytes());
    }

    /// The next frame; `None` at the end of the connection.
    #[track_caller]
    pub fn read(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        if let Err(error) = self.stream.read_exact(&mut head) {
            assert!(!is_late(&error), "neither a frame nor the end within {DEADLINE:?}");
            return None;
        }
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let mut payload = vec![0; length];
        self.stream.read_exact(&mut payload).ok()?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    /// Reads on until there is such a frame; `None` at the end of the connection.
    #[track_caller]
    pub fn read_until(&mut self, mut is_it: impl FnMut(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.read()?;
            if is_it(&frame) {
                return Some(frame);
            }
        }
    }

    /// How a stream ends: with the bytes of its answer, or the code that it is reset with. `None`: the
    /// connection ended first.
    #[track_caller]
    pub fn read_answer(&mut self, stream: u32) -> Option<Result<Vec<u8>, u32>> {
        let mut body = Vec::new();
        loop {
            let frame = self.read_until(|frame| frame.stream == stream)?;
            match frame.kind {
                RST_STREAM => return Some(Err(code(&frame.payload))),
                DATA => body.extend(&frame.payload),
                _ => {}
            }
            if matches!(frame.kind, DATA | HEADERS) && frame.flags & END_STREAM != 0 {
                return Some(Ok(body));
            }
        }
    }

    /// Everything until the end of the connection: the code of GOAWAY, if one came.
    #[track_caller]
    pub fn read_to_end(&mut self) -> Option<u32> {
        let mut code = None;
        while let Some(frame) = self.read() {
            if frame.kind == GOAWAY {
                code = Some(self::code(&frame.payload[4..]));
            }
        }
        code
    }
}

fn is_late(error: &std::io::Error) -> bool {
    matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut)
}

fn code(payload: &[u8]) -> u32 {
    payload.first_chunk().map_or(0, |bytes| u32::from_be_bytes(*bytes))
}

//! One connection of a raw case: bytes in, all answers out. It knows no protocol but what it takes to
//! tell one answer from the next.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use rustls::{ClientConnection, StreamOwned};

use crate::support::tls::Authority;
use crate::support::wait::DEADLINE;

/// How the gateway is spoken to.
pub enum Door {
    Plain(SocketAddr),
    Tls(SocketAddr, Box<Authority>),
}

/// What came back over one connection.
#[derive(Debug, Default)]
pub struct Heard {
    pub answers: Vec<Heeded>,
    /// What is no whole answer.
    pub rest: Vec<u8>,
}

#[derive(Debug, Clone)]
pub struct Heeded {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Heeded {
    /// The code of a problem document.
    pub fn code(&self) -> Option<String> {
        let document: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        document["code"].as_str().map(str::to_owned)
    }

    pub fn closes(&self) -> bool {
        self.head.to_ascii_lowercase().contains("\r\nconnection: close\r\n")
    }
}

enum Line {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

impl Door {
    fn open(&self) -> Line {
        match self {
            Door::Plain(address) => {
                let stream = TcpStream::connect(address).expect("the gateway listens");
                stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
                stream.set_nodelay(true).expect("a socket option");
                Line::Plain(stream)
            }
            Door::Tls(address, authority) => Line::Tls(Box::new(authority.connect(*address))),
        }
    }

    /// Sends all at once, and reads until the connection ends.
    pub fn pipelined(&self, bytes: &[u8], is_head: bool) -> Heard {
        let mut line = self.open();
        line.send(bytes);
        let mut received = Vec::new();
        while line.receive(&mut received) {}
        heard(&received, is_head)
    }

    /// Sends the second only when the first is answered, or the connection has ended.
    pub fn in_turn(&self, first: &[u8], second: &[u8], is_head: bool) -> Heard {
        let mut line = self.open();
        line.send(first);
        let mut received = Vec::new();
        let mut is_open = true;
        while is_open && heard(&received, is_head).answers.is_empty() {
            is_open = line.receive(&mut received);
        }
        if is_open {
            line.send(second);
            while line.receive(&mut received) {}
        }
        heard(&received, is_head)
    }

    /// Sends what is no whole message, and no more.
    pub fn cut(&self, bytes: &[u8]) -> Heard {
        let mut line = self.open();
        line.send(bytes);
        line.finish();
        let mut received = Vec::new();
        while line.receive(&mut received) {}
        heard(&received, false)
    }
}

impl Line {
    /// The other side may have closed already.
    fn send(&mut self, bytes: &[u8]) {
        match self {
            Line::Plain(stream) => drop(stream.write_all(bytes)),
            Line::Tls(stream) => drop(stream.write_all(bytes).and_then(|()| stream.flush())),
        }
    }

    fn finish(&mut self) {
        match self {
            Line::Plain(stream) => drop(stream.shutdown(Shutdown::Write)),
            Line::Tls(stream) => {
                stream.conn.send_close_notify();
                drop(stream.flush());
                drop(stream.sock.shutdown(Shutdown::Write));
            }
        }
    }

    /// Some more of what comes; false at the end.
    #[track_caller]
    fn receive(&mut self, received: &mut Vec<u8>) -> bool {
        let mut buffer = [0; 16 * 1024];
        let read = match self {
            Line::Plain(stream) => stream.read(&mut buffer),
            Line::Tls(stream) => stream.read(&mut buffer),
        };
        match read {
            Ok(0) => false,
            Ok(count) => {
                received.extend_from_slice(&buffer[..count]);
                true
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("the connection neither goes on nor ends: {:?}", String::from_utf8_lossy(received))
            }
            Err(_) => false,
        }
    }
}

fn heard(mut bytes: &[u8], is_head: bool) -> Heard {
    let mut heard = Heard::default();
    while let Some((answer, behind)) = answer(bytes, is_head && heard.answers.is_empty()) {
        bytes = behind;
        // An interim answer is none.
        if answer.status >= 200 {
            heard.answers.push(answer);
        }
    }
    heard.rest = bytes.to_vec();
    heard
}

fn answer(bytes: &[u8], is_head: bool) -> Option<(Heeded, &[u8])> {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let status = head.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()?;
    let rest = &bytes[end..];
    let field = |name: &str| {
        let lower = head.to_ascii_lowercase();
        lower.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':').map(|value| value.trim().to_owned()))
    };
    let has_none = is_head || status < 200 || status == 204 || status == 304;
    let (body, behind) = match (field("content-length"), field("transfer-encoding")) {
        _ if has_none => (Vec::new(), rest),
        (Some(length), _) => {
            let length = length.parse().ok().filter(|&length| length <= rest.len())?;
            (rest[..length].to_vec(), &rest[length..])
        }
        (None, Some(_)) => chunked(rest)?,
        (None, None) => (rest.to_vec(), &rest[rest.len()..]),
    };
    Some((Heeded { status, head, body }, behind))
}

fn chunked(mut rest: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(str::from_utf8(&rest[..line]).ok()?, 16).ok()?;
        let data = rest.get(line + 2..line + 2 + size + 2)?;
        body.extend_from_slice(&data[..size]);
        rest = &rest[line + 2 + size + 2..];
        if size == 0 {
            return Some((body, rest));
        }
    }
}

//! Either end of a TCP connection, step by step: a test sends and reads what it wants, when it wants.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use super::client::Client;
use super::upstream::Recorded;
use super::wait::{DEADLINE, eventually};

/// An upstream whose every step the test takes itself.
pub struct Origin {
    listener: TcpListener,
}

/// One connection, of an upstream or a client.
pub struct Wire(Client);

impl Origin {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket option");
        Self { listener }
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().expect("bound")
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The next connection that the gateway opens.
    #[track_caller]
    pub fn accept(&self) -> Wire {
        eventually("the gateway connects", || self.try_accept())
    }

    pub fn try_accept(&self) -> Option<Wire> {
        let (stream, _) = self.listener.accept().ok()?;
        stream.set_nonblocking(false).expect("a socket option");
        Some(Wire(Client::over(stream)))
    }

    /// That no connection was opened. Asked after the client has its answer: what was to be sent would
    /// have been sent before.
    #[track_caller]
    pub fn expect_nobody(&self, why: &str) {
        if let Some(mut wire) = self.try_accept() {
            let sent = wire.read_rest();
            panic!("the upstream was reached: {why}: {:?}", String::from_utf8_lossy(&sent));
        }
    }
}

impl Wire {
    pub fn connect(address: SocketAddr) -> Self {
        Self(Client::connect(address))
    }

    pub fn over(stream: TcpStream) -> Self {
        Self(Client::over(stream))
    }

    /// Sends a request's head, with the usual host.
    pub fn send_head(&mut self, line: &str, headers: &[(&str, &str)]) {
        let mut head = format!("{line} HTTP/1.1\r\nHost: gateway.localhost\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        self.send(head + "\r\n");
    }

    pub fn send_chunk(&mut self, bytes: &[u8]) {
        self.send([format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat());
    }

    /// Whether the bytes went out; the other side may have gone.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream().write_all(bytes).is_ok()
    }

    /// The head of the next request; `None` at the end of the connection.
    pub fn try_read_request(&mut self) -> Option<Recorded> {
        let line = self.read_line()?;
        let mut headers = Vec::new();
        while let Some((name, value)) = self.read_line()?.split_once(':') {
            headers.push((name.to_owned(), value.trim().to_owned()));
        }
        Some(Recorded { line, headers, body: Vec::new(), trailers: Vec::new() })
    }

    #[track_caller]
    pub fn read_request(&mut self) -> Recorded {
        self.try_read_request().expect("a request, and not the end of the connection")
    }

    /// Everything until the other side closes or resets the connection.
    #[track_caller]
    pub fn read_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match self.read_some(&mut buffer) {
                Ok(0) => return rest,
                Ok(count) => rest.extend_from_slice(&buffer[..count]),
                Err(error) if error.kind() == ErrorKind::ConnectionReset => return rest,
                Err(error) => panic!("the connection is not closed within {DEADLINE:?}: {error}"),
            }
        }
    }

    /// Whether nothing comes for so long.
    pub fn is_silent_for(&mut self, time: Duration) -> bool {
        self.stream().set_read_timeout(Some(time)).expect("a socket option");
        let silent = self.has_nothing();
        self.stream().set_read_timeout(Some(DEADLINE)).expect("a socket option");
        silent
    }

    fn has_nothing(&mut self) -> bool {
        matches!(self.stream().peek(&mut [0]), Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut))
    }

    pub fn hang_up(self) {
        self.stream().shutdown(Shutdown::Both).ok();
    }

    /// Says that no more will be sent, and goes on reading.
    pub fn finish_sending(&self) {
        self.stream().shutdown(Shutdown::Write).expect("the connection is open");
    }

    fn read_some(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.0.reader().read(buffer)
    }
}

impl Deref for Wire {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.0
    }
}

impl DerefMut for Wire {
    fn deref_mut(&mut self) -> &mut Client {
        &mut self.0
    }
}

/// Bytes whose place can be told, so that one that is lost, doubled or moved is seen.
pub fn pattern(at: usize, length: usize) -> Vec<u8> {
    (at..at + length).map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8).collect()
}

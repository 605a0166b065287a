//! An upstream that records what reaches it and answers with what it got, or as a test tells it.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Recorded {
    pub line: String,
    /// As sent: order, case and repetition kept.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Of a chunked body.
    pub trailers: Vec<(String, String)>,
}

impl Recorded {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn count(&self, name: &str) -> usize {
        self.headers.iter().filter(|(have, _)| have.eq_ignore_ascii_case(name)).count()
    }
}

/// Answers a connection's requests; returns when it wants the connection closed.
pub type Script = dyn Fn(&Recorded, &mut TcpStream) -> Then + Send + Sync;

/// What to do with the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    Keep,
    Close,
}

/// A listening upstream. Its threads end with the process.
#[derive(Clone)]
pub struct Upstream {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Recorded>>>,
    connections: Arc<Mutex<usize>>,
}

impl Upstream {
    /// Answers each request with 200 and a small JSON body.
    pub fn start() -> Self {
        Self::answering(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"ok\":true}")
    }

    /// Answers each request with these bytes.
    pub fn answering(bytes: &'static [u8]) -> Self {
        Self::scripted(move |_, stream| {
            stream.write_all(bytes).expect("the gateway reads");
            Then::Keep
        })
    }

    pub fn scripted(script: impl Fn(&Recorded, &mut TcpStream) -> Then + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("bound");
        let upstream = Self { address, seen: Arc::default(), connections: Arc::default() };
        let (script, this): (Arc<Script>, _) = (Arc::new(script), upstream.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, script, this) = (stream.expect("a connection"), Arc::clone(&script), this.clone());
                *this.connections.lock().expect("no panic holds it") += 1;
                std::thread::spawn(move || this.serve(stream, &*script));
            }
        });
        upstream
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that arrived so far.
    pub fn seen(&self) -> Vec<Recorded> {
        self.seen.lock().expect("no panic holds it").clone()
    }

    /// Everything that arrived since this was asked for the last time.
    pub fn take_seen(&self) -> Vec<Recorded> {
        std::mem::take(&mut *self.seen.lock().expect("no panic holds it"))
    }

    /// The last request that arrived.
    #[track_caller]
    pub fn last(&self) -> Recorded {
        self.seen().pop().expect("a request arrived")
    }

    /// Connections that were opened so far.
    pub fn connections(&self) -> usize {
        *self.connections.lock().expect("no panic holds it")
    }

    fn serve(&self, stream: TcpStream, script: &Script) {
        stream.set_nodelay(true).expect("a socket option");
        let mut writer = stream.try_clone().expect("a second handle");
        let mut reader = BufReader::new(stream);
        while let Some(request) = read_request(&mut reader) {
            self.seen.lock().expect("no panic holds it").push(request.clone());
            if script(&request, &mut writer) == Then::Close {
                break;
            }
        }
        // The clone keeps the socket open: this says "closed" for both.
        writer.shutdown(std::net::Shutdown::Both).ok();
    }
}

fn read_request(reader: &mut BufReader<TcpStream>) -> Option<Recorded> {
    let line = read_line(reader)?;
    let headers = read_lines(reader)?;
    let mut request = Recorded { line, headers, body: Vec::new(), trailers: Vec::new() };
    if request.header("transfer-encoding").is_some() {
        loop {
            let size = usize::from_str_radix(&read_line(reader)?, 16).ok()?;
            if size == 0 {
                request.trailers = read_lines(reader)?;
                break;
            }
            let at = request.body.len();
            request.body.resize(at + size, 0);
            reader.read_exact(&mut request.body[at..]).ok()?;
            read_line(reader)?;
        }
    } else if let Some(length) = request.header("content-length").and_then(|length| length.parse().ok()) {
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body).ok()?;
    }
    Some(request)
}

/// Header lines until the empty one.
fn read_lines(reader: &mut BufReader<TcpStream>) -> Option<Vec<(String, String)>> {
    let mut lines = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Some(lines);
        }
        let (name, value) = line.split_once(':')?;
        lines.push((name.to_owned(), value.trim().to_owned()));
    }
}

fn read_line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = Vec::new();
    match reader.read_until(b'\n', &mut line) {
        // Every byte is a character of Latin-1: header values need not be UTF-8.
        Ok(1..) => Some(line.into_iter().map(char::from).collect::<String>().trim_end_matches(['\r', '\n']).to_owned()),
        _ => None,
    }
}

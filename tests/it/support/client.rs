//! An HTTP/1.1 client over a plain socket that shows exactly what came back.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::wait::DEADLINE;
use super::watch;

/// One connection.
pub struct Client {
    reader: BufReader<TcpStream>,
}

/// One response.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    /// Names in lower case, in the order they came.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        Self::over(TcpStream::connect(address).expect("the gateway listens"))
    }

    /// Over a connection that was made before.
    pub fn over(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(DEADLINE)).expect("a socket option");
        stream.set_nodelay(true).expect("a socket option");
        Self { reader: BufReader::new(stream) }
    }

    /// Writes bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        watch::note(bytes.as_ref());
        self.reader.get_mut().write_all(bytes.as_ref()).expect("the connection takes bytes");
    }

    /// Sends a request without a body, or with one of known length.
    pub fn request(&mut self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut head = format!("{method} {target} HTTP/1.1\r\nHost: gateway.localhost\r\n");
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        if !body.is_empty() {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        self.send([head.as_bytes(), body].concat());
        self.read_answer(method)
    }

    /// The next line, without its end; `None` at the end of the stream.
    pub fn read_line(&mut self) -> Option<String> {
        let mut line = Vec::new();
        let read = self.reader.read_until(b'\n', &mut line).expect("a line before the deadline");
        // Every byte is a character of Latin-1: header values need not be UTF-8.
        let line: String = line.into_iter().map(char::from).collect();
        (read > 0).then(|| line.trim_end_matches(['\r', '\n']).to_owned())
    }

    /// Status and headers of the next response.
    pub fn read_head(&mut self) -> Answer {
        let line = self.read_line().expect("a status line, and not the end of the connection");
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or_else(|| panic!("no status in {line:?}"));
        let mut headers = Vec::new();
        while let Some((name, value)) = self.read_line().expect("headers end with an empty line").split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        Answer { status, headers, body: Vec::new() }
    }

    /// The next response; `method` tells whether it may have a body.
    pub fn read_answer(&mut self, method: &str) -> Answer {
        let mut answer = self.read_head();
        while answer.status < 200 {
            answer = self.read_head();
        }
        if method == "HEAD" || answer.status == 204 || answer.status == 304 {
            return answer;
        }
        if answer.header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
            while let Some(chunk) = self.read_chunk() {
                answer.body.extend(chunk);
            }
            while self.read_line().is_some_and(|trailer| !trailer.is_empty()) {}
        } else if let Some(length) = answer.header("content-length") {
            answer.body = self.read_exactly(length.parse().expect("a number"));
        } else {
            self.reader.read_to_end(&mut answer.body).expect("the rest");
        }
        watch::note(&answer.body);
        answer
    }

    /// The next chunk; `None` for the last one.
    pub fn read_chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.read_line().expect("a chunk size");
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16)
            .unwrap_or_else(|_| panic!("chunk size {line:?}"));
        if size == 0 {
            return None;
        }
        let chunk = self.read_exactly(size);
        assert_eq!(self.read_line().as_deref(), Some(""), "a chunk ends with a line end");
        Some(chunk)
    }

    pub fn read_exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.reader.read_exact(&mut bytes).expect("as many bytes as were announced");
        bytes
    }

    /// Whether the other side has closed the connection, waiting for it until the deadline.
    pub fn is_closed(&mut self) -> bool {
        let mut byte = [0];
        matches!(self.reader.read(&mut byte), Ok(0))
            || self.reader.get_ref().take_error().is_ok_and(|error| error.is_some())
    }

    pub fn stream(&self) -> &TcpStream {
        self.reader.get_ref()
    }

    pub fn reader(&mut self) -> &mut BufReader<TcpStream> {
        &mut self.reader
    }
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(have, _)| have == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("a text body")
    }

    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// The `code` of a problem document, whose form is checked.
    #[track_caller]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        let document = self.json();
        assert_eq!(document["status"], self.status, "{document}");
        document["code"].as_str().unwrap_or_else(|| panic!("no code in {document}")).to_owned()
    }
}

/// One request over a connection of its own.
pub fn request(address: SocketAddr, method: &str, target: &str, token: Option<&str>, body: &[u8]) -> Answer {
    let credential = token.map(|token| format!("Bearer {token}"));
    let mut headers = vec![("Connection", "close")];
    headers.extend(credential.as_deref().map(|credential| ("Authorization", credential)));
    if !body.is_empty() {
        headers.push(("Content-Type", "application/json"));
    }
    Client::connect(address).request(method, target, &headers, body)
}

pub fn get(address: SocketAddr, target: &str, token: &str) -> Answer {
    request(address, "GET", target, Some(token), b"")
}

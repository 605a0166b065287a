//! Very large bodies, one way or the other: h2load as the client, and an upstream that reads all or sends all.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use keygate::model::Clock;

use crate::Outcome;
use crate::exchange::Door;
use crate::h2load;
use crate::load::Served;
use crate::machine::{self, LOAD_CPU};
use crate::request::PATH;

/// Which way the body goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Bulk {
    Download,
    Upload,
}

pub const MIB: u64 = 1 << 20;
static PIECE: [u8; 64 << 10] = [b'x'; 64 << 10];

impl Bulk {
    pub fn text(self) -> &'static str {
        match self {
            Self::Download => "download",
            Self::Upload => "upload",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Self::Download => "Download",
            Self::Upload => "Upload",
        }
    }

    /// Has so many MiB carried by one request, and makes sure that all of them came.
    pub fn run(self, door: &Door, token: &str, mib: u32, upstream: &BulkUpstream, folder: &Path) -> Outcome<Served> {
        let length = u64::from(mib) * MIB;
        let mut command = Command::new(machine::require("taskset")?);
        command.args(["-c", LOAD_CPU]).arg(machine::require("h2load")?);
        command.args(["--requests", "1", "--clients", "1", "--header", &format!("authorization: Bearer {token}")]);
        if !door.http2 {
            command.arg("--h1");
        }
        if self == Self::Upload {
            // Zeros that lie nowhere.
            let file = folder.join("bulk");
            File::create(&file)?.set_len(length)?;
            command.arg("--data").arg(file);
        }
        let received = upstream.received.load(Ordering::Relaxed);
        let clock = Clock::system();
        let begun = clock.mono();
        let output = command.arg(door.url(PATH)).stdin(Stdio::null()).output()?;
        let took = (clock.mono() - begun).as_secs_f64();
        let counted = h2load::read(&output)?;
        let carried = match self {
            Self::Download => counted.body,
            Self::Upload => upstream.received.load(Ordering::Relaxed) - received,
        };
        if carried != length {
            return Err(format!("{carried} bytes of {length} came").into());
        }
        Ok(Served { requests: length, per_second: length as f64 / MIB as f64 / took, p99: "–".to_owned() })
    }
}

/// Answers GET with as many bytes as it is told to, and anything else once its body has come.
#[derive(Debug)]
pub struct BulkUpstream {
    pub port: u16,
    received: Arc<AtomicU64>,
}

impl BulkUpstream {
    /// Serves for as long as the process lives, on the processor of whoever calls it.
    pub fn start(mib: u32) -> Outcome<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let port = listener.local_addr()?.port();
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                // Until the connection is closed, in whatever way.
                thread::spawn(move || drop(serve(stream, u64::from(mib) * MIB, &count)));
            }
        });
        Ok(Self { port, received })
    }
}

fn serve(stream: TcpStream, length: u64, count: &AtomicU64) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (mut input, mut output) = (BufReader::with_capacity(PIECE.len(), stream.try_clone()?), stream);
    loop {
        let Some(head) = read_head(&mut input)? else { return Ok(()) };
        if head.starts_with("get ") {
            write!(output, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")?;
            for _ in 0..length / PIECE.len() as u64 {
                output.write_all(&PIECE)?;
            }
        } else {
            let announced = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            let body: Box<dyn Read + '_> = match announced.and_then(|length| length.trim().parse().ok()) {
                Some(announced) => Box::new(input.by_ref().take(announced)),
                None => Box::new(Chunks { input: &mut input, left: 0, is_over: false }),
            };
            count.fetch_add(drain(body)?, Ordering::Relaxed);
            output.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")?;
        }
    }
}

/// A head in lower case; `None` where the connection is over.
fn read_head(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if input.read_line(&mut head)? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(head.to_ascii_lowercase()))
}

fn drain(mut body: impl Read) -> io::Result<u64> {
    let (mut sum, mut block) = (0, vec![0; PIECE.len()]);
    loop {
        match body.read(&mut block)? {
            0 => return Ok(sum),
            length => sum += length as u64,
        }
    }
}

/// What a body is that comes in chunks.
struct Chunks<'a, R> {
    input: &'a mut R,
    left: u64,
    is_over: bool,
}

impl<R: BufRead> Read for Chunks<'_, R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.is_over {
            return Ok(0);
        }
        if self.left == 0 {
            let mut line = String::new();
            self.input.read_line(&mut line)?;
            self.left = u64::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
            if self.left == 0 {
                self.input.read_line(&mut line)?;
                self.is_over = true;
                return Ok(0);
            }
        }
        let most = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let length = self.input.read(&mut into[..most])?;
        self.left -= length as u64;
        if self.left == 0 {
            self.input.read_exact(&mut [0; 2])?;
        }
        Ok(length)
    }
}

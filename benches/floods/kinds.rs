//! The floods. Each is sent as fast as it goes, over and over, by threads that yield to whoever means well.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use keygate::model::{Kind, TokenPrefix, TokenText};
use socket2::{Domain, Socket, Type};

use crate::frames::{self, PING, RST_STREAM, SETTINGS};

/// Requests that an address sends over one connection, before another address goes on: as many wrong tokens
/// as it may present in a minute.
const REQUESTS: usize = 100;
/// Connections of each thread that read slowly.
const READERS: usize = 25;
/// The same over HTTP/2, and streams of each.
const READERS_OF_STREAMS: usize = 3;
const STREAMS: u32 = 100;

/// What is sent, what of it is counted, and how.
pub struct Flood {
    pub name: &'static str,
    pub counts: &'static str,
    run: fn(&Ground) -> io::Result<()>,
}

pub const FLOODS: [Flood; 9] = [
    Flood { name: "unknown tokens, many addresses", counts: "requests", run: unknown_tokens },
    Flood { name: "unknown tokens, one address", counts: "requests", run: unknown_tokens_of_one },
    Flood { name: "garbage heads", counts: "connections", run: garbage },
    Flood { name: "connect and close", counts: "connections", run: churn },
    Flood { name: "HTTP/2 rapid reset", counts: "streams", run: rapid_reset },
    Flood { name: "the same, of a public route", counts: "streams", run: rapid_reset_of_all },
    Flood { name: "HTTP/2 PING and SETTINGS", counts: "frames", run: pings },
    Flood { name: "slow readers over HTTP/1.1", counts: "connections", run: slow_readers },
    Flood { name: "slow readers over HTTP/2", counts: "streams", run: slow_streams },
];

/// What all threads of a flood have in common.
pub struct Ground {
    pub port: u16,
    pub stop: AtomicBool,
    /// Of what the flood counts.
    pub count: AtomicU64,
    /// The last address that a connection came from.
    pub address: AtomicU32,
}

impl Flood {
    /// Until it is told to stop. That the gateway turns somebody away, in whatever way, is what a flood is for.
    pub fn run(&self, ground: &Ground) {
        while !ground.stop.load(Ordering::Relaxed) {
            if (self.run)(ground).is_err() {
                std::thread::yield_now();
            }
        }
    }
}

impl Ground {
    fn counted(&self, more: usize) {
        self.count.fetch_add(more as u64, Ordering::Relaxed);
    }

    /// A socket of an address that nobody had for a while.
    fn socket(&self) -> io::Result<Socket> {
        let number = self.address.fetch_add(1, Ordering::Relaxed) % 0x1f_ffff;
        self.socket_of(0x7f20_0000 + number)
    }

    fn socket_of(&self, address: u32) -> io::Result<Socket> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::from_bits(address), 0)).into())?;
        socket.set_read_timeout(Some(Duration::from_secs(1)))?;
        socket.set_write_timeout(Some(Duration::from_secs(1)))?;
        Ok(socket)
    }

    fn connect(&self, socket: Socket) -> io::Result<TcpStream> {
        socket.connect(&SocketAddr::from((Ipv4Addr::LOCALHOST, self.port)).into())?;
        Ok(socket.into())
    }
}

fn unknown_tokens(ground: &Ground) -> io::Result<()> {
    let socket = ground.socket()?;
    present(ground, socket)
}

fn unknown_tokens_of_one(ground: &Ground) -> io::Result<()> {
    let socket = ground.socket_of(0x7f0f_0f0f)?;
    present(ground, socket)
}

/// Tokens of the right form that nobody was given, in one go.
fn present(ground: &Ground, socket: Socket) -> io::Result<()> {
    let mut requests = Vec::new();
    for left in (0..REQUESTS).rev() {
        let token = TokenText::generate(&TokenPrefix::default(), Kind::Service).map_err(io::Error::other)?;
        let close = if left == 0 { "Connection: close\r\n" } else { "" };
        write!(
            requests,
            "GET /v1/devices/7 HTTP/1.1\r\nHost: localhost\r\n{close}Authorization: Bearer {}\r\n\r\n",
            token.expose()
        )?;
    }
    let mut stream = ground.connect(socket)?;
    stream.write_all(&requests)?;
    let mut answers = Vec::new();
    stream.read_to_end(&mut answers)?;
    ground.counted(answers.windows(12).filter(|bytes| bytes == b"HTTP/1.1 401" || bytes == b"HTTP/1.1 429").count());
    Ok(())
}

fn garbage(ground: &Ground) -> io::Result<()> {
    let mut bytes = [0; 512];
    fastrand::fill(&mut bytes);
    // Of which nobody waits for the rest.
    bytes[508..].copy_from_slice(b"\r\n\r\n");
    let mut stream = ground.connect(ground.socket()?)?;
    stream.write_all(&bytes)?;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer)?;
    ground.counted(usize::from(&answer == b"HTTP/1.1 400"));
    Ok(())
}

fn churn(ground: &Ground) -> io::Result<()> {
    let socket = ground.socket()?;
    // By a reset, which leaves nothing of it here.
    socket.set_linger(Some(Duration::ZERO))?;
    drop(ground.connect(socket)?);
    ground.counted(1);
    Ok(())
}

/// By somebody without a token.
fn rapid_reset(ground: &Ground) -> io::Result<()> {
    reset(ground, "/v1/devices/7")
}

/// Requests that reach the upstream.
fn rapid_reset_of_all(ground: &Ground) -> io::Result<()> {
    reset(ground, "/public/7")
}

fn reset(ground: &Ground, path: &str) -> io::Result<()> {
    let mut begun = 0;
    frames_until_the_end(ground, || {
        let streams = begun..begun + 50;
        begun += 50;
        let cancel = 8_u32.to_be_bytes();
        let pairs = streams.map(|at| 2 * at + 1);
        let bytes = pairs
            .flat_map(|stream| [frames::get(stream, path), frames::frame(RST_STREAM, 0, stream, &cancel)].concat());
        (bytes.collect(), 50)
    })
}

fn pings(ground: &Ground) -> io::Result<()> {
    let window = [0, 4, 0, 1, 0, 0];
    let one = [frames::frame(PING, 0, 0, &[7; 8]), frames::frame(SETTINGS, 0, 0, &window)].concat();
    frames_until_the_end(ground, || (one.repeat(50), 100))
}

/// Sends pieces until the gateway ends the connection.
fn frames_until_the_end(ground: &Ground, mut piece: impl FnMut() -> (Vec<u8>, usize)) -> io::Result<()> {
    let mut stream = ground.connect(ground.socket()?)?;
    stream.write_all(&frames::preface(65_535))?;
    let mut reader = stream.try_clone()?;
    std::thread::scope(|scope| {
        // Or the acknowledgements fill the way back, and nothing else is tested.
        scope.spawn(move || reader.read_to_end(&mut Vec::new()));
        while !ground.stop.load(Ordering::Relaxed) {
            let (bytes, count) = piece();
            if stream.write_all(&bytes).is_err() {
                break;
            }
            ground.counted(count);
        }
        // Its reader ends too.
        drop(stream.shutdown(std::net::Shutdown::Both));
    });
    Ok(())
}

fn slow_readers(ground: &Ground) -> io::Result<()> {
    hold(ground, READERS, 1, |stream| stream.write_all(b"GET /public/large HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

/// No stream has room for an answer.
fn slow_streams(ground: &Ground) -> io::Result<()> {
    hold(ground, READERS_OF_STREAMS, STREAMS, |stream| {
        stream.write_all(&frames::preface(0))?;
        (0..STREAMS).try_for_each(|at| stream.write_all(&frames::get(2 * at + 1, "/public/large")))
    })
}

/// Keeps connections that take a few bytes a second, and opens others for those that are ended.
fn hold(ground: &Ground, most: usize, each: u32, begin: impl Fn(&mut TcpStream) -> io::Result<()>) -> io::Result<()> {
    let mut open: Vec<TcpStream> = Vec::new();
    while !ground.stop.load(Ordering::Relaxed) {
        while open.len() < most {
            let socket = ground.socket()?;
            socket.set_recv_buffer_size(4096)?;
            let mut stream = ground.connect(socket)?;
            begin(&mut stream)?;
            stream.set_nonblocking(true)?;
            ground.counted(each as usize);
            open.push(stream);
        }
        open.retain_mut(|stream| match stream.read(&mut [0; 256]) {
            Ok(count) => count > 0,
            Err(error) => error.kind() == ErrorKind::WouldBlock,
        });
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

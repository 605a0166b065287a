//! What the gateway forwards to: a few bytes for every request, and very many below `/public/large`.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::thread;

use socket2::{Domain, SockRef, Socket, Type};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::Outcome;

/// The end of every small answer.
pub const BODY: &str = "{\"id\": \"device\"}\n";
/// More than all buffers on the way hold.
const LARGE: usize = 64 << 20;
static PIECE: [u8; 64 << 10] = [b'x'; 64 << 10];

pub struct Upstream {
    pub port: u16,
}

impl Upstream {
    /// Serves for as long as the process lives.
    pub fn start() -> Outcome<Self> {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        listener.listen(4_096)?;
        let listener = TcpListener::from(listener);
        listener.set_nonblocking(true)?;
        let port = listener.local_addr()?.port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a runtime with I/O");
                loop {
                    if let Ok((stream, _)) = listener.accept().await {
                        // Until the gateway closes the connection, in whatever way.
                        tokio::spawn(async move { drop(serve(stream).await) });
                    }
                }
            })
        });
        Ok(Self { port })
    }
}

async fn serve(mut stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    // What waits here is not the gateway's, and the kernel has so much for all: with its usual megabytes, answers
    // that nobody reads would slow down everybody's connections.
    SockRef::from(&stream).set_send_buffer_size(PIECE.len())?;
    let mut held = Vec::new();
    let small =
        format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len());
    loop {
        while let Some(end) = held.windows(4).position(|four| four == b"\r\n\r\n") {
            let is_large = held.starts_with(b"GET /public/large");
            held.drain(..end + 4);
            if is_large {
                send_much(&mut stream).await?;
            } else {
                stream.write_all(small.as_bytes()).await?;
            }
        }
        if stream.read_buf(&mut held).await? == 0 {
            return Ok(());
        }
    }
}

async fn send_much(stream: &mut TcpStream) -> io::Result<()> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    for _ in 0..LARGE / PIECE.len() {
        stream.write_all(&PIECE).await?;
    }
    Ok(())
}

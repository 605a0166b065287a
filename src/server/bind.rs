//! Binding: the same address for every worker (`SO_REUSEPORT`), but never one that somebody else has.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;

use socket2::{Domain, Protocol, Socket, Type};

use super::listener::Bound;
use super::socket_file::{SocketFile, SocketFileError};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 4_096;

/// Bytes that the kernel takes and has not sent yet, for each connection. Without a bound it takes some MiB,
/// which a client that reads nothing would hold there; and whether a client that reads slowly takes
/// anything shows only when a third of that is gone.
const NOT_SENT: u32 = 128 * 1024;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Tcp(SocketAddr),
    /// A Unix socket, with the mode of its file.
    Unix {
        path: PathBuf,
        mode: u32,
    },
}

/// Where it was listened on.
#[derive(Debug)]
pub enum Place {
    Tcp(SocketAddr),
    Unix(SocketFile),
}

impl Place {
    /// `None`: a Unix socket has none.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Place::Tcp(address) => Some(*address),
            Place::Unix(_) => None,
        }
    }

    /// As it is written in a URL with this scheme, or in its place.
    pub fn url(&self, is_tls: bool) -> String {
        match self {
            Place::Tcp(address) => format!("{}://{address}", if is_tls { "https" } else { "http" }),
            Place::Unix(file) => format!("unix:{}", file.path().display()),
        }
    }
}

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    #[error(
        "cannot listen on {address}: the address is in use; stop what uses it (`ss -ltnp 'sport = :{port}'` shows it) or choose another",
        port = address.port()
    )]
    InUse { address: SocketAddr },
    #[error(
        "cannot listen on {address}: ports below 1024 need a privilege (CAP_NET_BIND_SERVICE); choose a higher port or grant it"
    )]
    Privilege { address: SocketAddr },
    #[error("cannot listen on {address}: this machine has no such address")]
    NoSuchAddress { address: SocketAddr },
    #[error("cannot listen on {address}: {error}")]
    Other { address: SocketAddr, error: io::Error },
    #[error(transparent)]
    SocketFile(#[from] SocketFileError),
}

/// `count` listeners on one address, and what that came to.
pub fn bind(address: &Address, count: usize) -> Result<(Vec<Bound>, Place), BindError> {
    match address {
        Address::Tcp(address) => bind_tcp(*address, count),
        Address::Unix { path, mode } => {
            let (file, first) = SocketFile::listen(path, *mode, BACKLOG)?;
            let other = |error| SocketFileError::Other { path: path.clone(), error };
            // A path is bound once, so all share its one queue: whoever is first has the next connection.
            let others = (1..count).map(|_| first.try_clone());
            let others: Vec<_> = others.collect::<Result<_, _>>().map_err(other)?;
            let all = std::iter::once(first).chain(others).map(Bound::Unix).collect();
            Ok((all, Place::Unix(file)))
        }
    }
}

/// The kernel spreads connections over them. Port 0 takes a free one, the same for all.
fn bind_tcp(address: SocketAddr, count: usize) -> Result<(Vec<Bound>, Place), BindError> {
    let named = |error| named(address, error);
    // A socket with SO_REUSEPORT may be bound beside another process's of the same user, which would
    // then get a part of our connections. One without it may not, so this bind tells.
    let probe = socket(address, false).and_then(|socket| socket.bind(&address.into())).map_err(named);
    probe?;
    let first = listen(address, count > 1).map_err(named)?;
    let bound = first.local_addr().map_err(named)?;
    let others = (1..count).map(|_| listen(bound, true).map_err(named));
    let all = std::iter::once(Ok(first)).chain(others).map(|listener| listener.map(Bound::Tcp));
    Ok((all.collect::<Result<_, _>>()?, Place::Tcp(bound)))
}

fn listen(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = socket(address, shared)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

fn socket(address: SocketAddr, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A restart must not wait for the connections of the former process to time out.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    // Inherited by accepted connections: a response head must not wait for the body's first segment.
    socket.set_tcp_nodelay(true)?;
    socket.set_tcp_notsent_lowat(NOT_SENT)?;
    Ok(socket)
}

fn named(address: SocketAddr, error: io::Error) -> BindError {
    match error.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse { address },
        io::ErrorKind::PermissionDenied => BindError::Privilege { address },
        io::ErrorKind::AddrNotAvailable => BindError::NoSuchAddress { address },
        _ => BindError::Other { address, error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn loopback(port: u16) -> Address {
        Address::Tcp(SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[test]
    fn all_listeners_share_the_port_that_was_found() {
        let (listeners, place) = bind(&loopback(0), 3).expect("a free port");
        let bound = place.tcp().expect("an address");
        let ports = listeners.iter().map(|listener| match listener {
            Bound::Tcp(listener) => listener.local_addr().expect("bound").port(),
            Bound::Unix(_) => 0,
        });
        assert!(bound.port() != 0 && ports.into_iter().all(|port| port == bound.port()));
    }

    #[test]
    fn an_address_that_another_gateway_has_is_refused() {
        let (_first, place) = bind(&loopback(0), 2).expect("a free port");
        let port = place.tcp().expect("an address").port();
        let error = bind(&loopback(port), 2).expect_err("in use").to_string();
        assert_eq!(
            error,
            format!(
                "cannot listen on 127.0.0.1:{port}: the address is in use; stop what uses it (`ss -ltnp 'sport = :{port}'` shows it) or choose another"
            )
        );
    }
}

//! Binding: the same address for every worker (`SO_REUSEPORT`), but never one that somebody else has.

use std::io;
use std::net::{SocketAddr, TcpListener};

use socket2::{Domain, Protocol, Socket, Type};

/// Connections that the kernel holds until they are accepted.
const BACKLOG: i32 = 4_096;

/// Bytes that the kernel takes and has not sent yet, for each connection. Without a bound it takes some MiB,
/// which a client that reads nothing would hold there; and whether a client that reads slowly takes
/// anything shows only when a third of that is gone.
const NOT_SENT: u32 = 128 * 1024;

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
}

/// `count` listeners on one address; the kernel spreads connections over them. Port 0 takes a free
/// one, the same for all.
pub fn bind(address: SocketAddr, count: usize) -> Result<Vec<TcpListener>, BindError> {
    let named = |error| named(address, error);
    // A socket with SO_REUSEPORT may be bound beside another process's of the same user, which would
    // then get a part of our connections. One without it may not, so this bind tells.
    let probe = socket(address, false).and_then(|socket| socket.bind(&address.into())).map_err(named);
    probe?;
    let first = listen(address, count > 1).map_err(named)?;
    let bound = first.local_addr().map_err(named)?;
    let others = (1..count).map(|_| listen(bound, true).map_err(named));
    std::iter::once(Ok(first)).chain(others).collect()
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

    #[test]
    fn all_listeners_share_the_port_that_was_found() {
        let listeners = bind("127.0.0.1:0".parse().expect("an address"), 3).expect("a free port");
        let ports: Vec<_> = listeners.iter().map(|l| l.local_addr().expect("bound").port()).collect();
        assert!(ports[0] != 0 && ports.iter().all(|&port| port == ports[0]));
    }

    #[test]
    fn an_address_that_another_gateway_has_is_refused() {
        let first = bind("127.0.0.1:0".parse().expect("an address"), 2).expect("a free port");
        let address = first[0].local_addr().expect("bound");
        let error = bind(address, 2).expect_err("in use").to_string();
        let port = address.port();
        assert_eq!(
            error,
            format!(
                "cannot listen on 127.0.0.1:{port}: the address is in use; stop what uses it (`ss -ltnp 'sport = :{port}'` shows it) or choose another"
            )
        );
    }
}

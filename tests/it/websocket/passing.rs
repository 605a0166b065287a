//! What passes: every byte, both ways, at the pace of the slower side, until both have ended.

use std::time::Duration;

use super::stage::{Stage, frame, masked};
use crate::support::{eventually, pattern};

#[test]
fn large_messages_and_fragments_pass_both_ways_at_once() {
    let stage = Stage::new();
    let (mut client, mut upstream) = stage.open("/live/7");
    let (down, up) = (frame(2, &pattern(0, 1 << 20)), masked(2, &pattern(7, 1 << 20)));
    let sender = std::thread::spawn({
        let (down, up) = (down.clone(), up.clone());
        move || {
            upstream.send(&down);
            assert!(upstream.read_exactly(up.len()) == up, "the client's message arrives");
            upstream
        }
    });
    client.send(&up);
    assert!(client.read_exactly(down.len()) == down, "the upstream's message arrives");
    let mut upstream = sender.join().expect("the upstream had what it wanted");
    // A text in three fragments with a ping between them, byte by byte.
    let mut fragments = [frame(1, b"one"), frame(0, b"two"), frame(9, b"?"), frame(0, b"three")].concat();
    fragments[0] &= 0x7f;
    fragments[5] &= 0x7f;
    for byte in &fragments {
        upstream.send([*byte]);
    }
    assert_eq!(client.read_exactly(fragments.len()), fragments);
}

#[test]
fn one_side_may_end_and_go_on_listening() {
    let stage = Stage::new();
    let (mut client, mut upstream) = stage.open("/live/7");
    client.send(masked(8, &[3, 232]));
    client.finish_sending();
    assert_eq!(upstream.read_rest(), masked(8, &[3, 232]));
    upstream.send(frame(8, &[3, 232]));
    upstream.finish_sending();
    assert_eq!(client.read_rest(), frame(8, &[3, 232]));
    eventually("the tunnel is over", || {
        (stage.gateway.admin.metric("keygate_open_tunnels ") == Some(0.0)).then_some(())
    });
    assert_eq!(stage.gateway.admin.metric("keygate_tunnels_total "), Some(1.0));
}

#[test]
fn the_end_of_either_side_is_the_end_of_the_other() {
    let stage = Stage::new();
    let (client, mut upstream) = stage.open("/live/7");
    reset(client);
    assert!(upstream.read_rest().is_empty());
    let (mut client, upstream) = stage.open("/live/7");
    reset(upstream);
    assert!(client.read_rest().is_empty());
    eventually("no tunnel is left", || {
        (stage.gateway.admin.metric("keygate_open_tunnels ") == Some(0.0)).then_some(())
    });
}

/// Closes with unread bytes or at once: the other side gets a reset and no end.
fn reset(wire: crate::support::Wire) {
    let socket = socket2::SockRef::from(wire.stream());
    socket.set_linger(Some(Duration::ZERO)).expect("a socket option");
}

#[test]
fn a_client_that_does_not_read_stops_the_upstream() {
    let stage = Stage::new();
    let (mut client, upstream) = stage.open("/live/7");
    let stream = upstream.stream().try_clone().expect("a second handle");
    stream.set_write_timeout(Some(Duration::from_millis(500))).expect("a socket option");
    let message = frame(2, &pattern(0, 60_000));
    let mut sent = 0;
    // Sockets take some megabytes; the gateway takes next to nothing.
    let stopped = (0..2_000).any(|_| match std::io::Write::write_all(&mut &stream, &message) {
        Ok(()) => {
            sent += 1;
            false
        }
        Err(_) => true,
    });
    assert!(stopped, "120 MB went somewhere");
    for _ in 0..sent {
        assert!(client.read_exactly(message.len()) == message, "what was sent arrives");
    }
}

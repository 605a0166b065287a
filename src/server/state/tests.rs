//! Deadlines of a connection, and which request is believed.

use super::*;
use crate::server::Sweep;

fn state(sweep: &Rc<Sweep>) -> ConnectionState {
    let (header_timeout, idle_timeout) = (Duration::from_secs(1), Duration::from_millis(300));
    let (max_headers, max_head_bytes, max_header_list, max_streams) = (1, 1, 1, 1);
    let stall = Grant { most: None, min_rate: None };
    let limits = ConnectionLimits {
        header_timeout,
        idle_timeout,
        stall,
        max_headers,
        max_head_bytes,
        max_header_list,
        max_streams,
    };
    let peer = Peer::Ip([127, 0, 0, 1].into());
    ConnectionState::new(peer, false, limits, sweep.timer(), Rc::default())
}

#[test]
fn a_request_that_was_not_let_through_is_refused() {
    let state = state(&Sweep::new());
    let (seven, open) = (SizeHint::with_exact(7), SizeHint::default());
    assert_eq!(state.hand_over(&seven), Err(Fault::OutOfStep), "nothing was let through");
    state.expect(Due::Request(BodyLength::Exactly(7)));
    assert_eq!(state.hand_over(&seven), Ok(()));
    assert_eq!(state.hand_over(&seven), Err(Fault::OutOfStep), "one was, and this is another");
    state.expect(Due::Request(BodyLength::Exactly(0)));
    assert_eq!(state.hand_over(&seven), Err(Fault::OutOfStep), "with another body");
    state.expect(Due::Request(BodyLength::Chunked));
    assert_eq!(state.hand_over(&open), Ok(()));
    state.expect(Due::Request(BodyLength::Chunked));
    assert_eq!(state.hand_over(&seven), Err(Fault::OutOfStep));
    state.expect(Due::Refusal(Fault::LineEnd));
    assert_eq!(state.hand_over(&SizeHint::with_exact(0)), Err(Fault::LineEnd));
}

#[test]
fn a_response_that_still_moves_keeps_its_connection() {
    let sweep = Sweep::new();
    let state = state(&sweep);
    let is_over = || state.is_over(&Context::from_waker(Waker::noop()));
    state.begin_request();
    state.end_request(true);
    for _ in 0..10 {
        (0..3).for_each(|_| sweep.tick());
        assert!(!is_over(), "it is written to");
        state.gauge.took(1);
        state.wrote();
    }
    (0..5).for_each(|_| sweep.tick());
    assert!(is_over(), "nothing moves any more");
}

#[test]
fn the_time_for_a_first_head_begins_with_the_connection_and_no_byte_gives_more_of_it() {
    let sweep = Sweep::new();
    let state = state(&sweep);
    let is_over_after = |ticks| {
        (0..ticks).for_each(|_| sweep.tick());
        state.is_over(&Context::from_waker(Waker::noop()))
    };
    assert!(!is_over_after(7));
    state.received();
    state.wrote();
    assert!(is_over_after(4), "a second, and the tick that had begun");
    state.begin_request();
    state.end_request(true);
    assert!(!is_over_after(2), "idle, and not for long");
    state.received();
    assert!(!is_over_after(9), "the next one has its time from its first byte");
    state.received();
    assert!(is_over_after(2));
}

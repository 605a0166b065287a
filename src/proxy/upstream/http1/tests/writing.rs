//! What an upstream is sent.

use std::task::Poll;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use hyper::body::Frame;

use super::super::Link;
use super::super::fault::Fault;
use super::script::{Frames, Script, bare, data, noop};

/// The bytes that are written, and how the upload ended. `takes`: bytes a write.
fn written(request: Request<Frames>, takes: usize) -> (String, Poll<Result<(), String>>) {
    let script = Script::new(&[], false).taking(takes);
    let written = script.written();
    let mut link = Link::new(Box::new(script));
    link.headers = link.upload.begin(request, &|_| {});
    assert!(link.headers.is_empty());
    let mut polled = Poll::Pending;
    for _ in 0..8 {
        polled = link.upload.poll(&mut *link.stream, &mut noop());
        if polled.is_ready() {
            break;
        }
    }
    (written(), polled.map_err(|fault: Fault| fault.to_string()))
}

#[track_caller]
fn whole(request: Request<Frames>) -> String {
    let (text, end) = written(request, usize::MAX);
    assert_eq!(end, Poll::Ready(Ok(())));
    text
}

fn request(method: &str, headers: &[(&'static str, &'static str)], body: Frames) -> Request<Frames> {
    let mut request = Request::builder().method(method).uri("/").body(body).expect("a request");
    for (name, value) in headers {
        request.headers_mut().append(*name, HeaderValue::from_static(value));
    }
    request
}

fn trailers() -> Option<Frame<Bytes>> {
    let names = ["x-sum", "x-other", "content-type"];
    let trailers = names.map(|name| (http::HeaderName::from_static(name), HeaderValue::from_static("1")));
    Some(Frame::trailers(HeaderMap::from_iter(trailers)))
}

#[test]
fn a_request_without_a_body_is_its_head() {
    assert_eq!(whole(bare("GET")), "GET /x?y HTTP/1.1\r\nhost: a\r\n\r\n");
    let zero = request("POST", &[("content-length", "0")], Frames::none());
    assert_eq!(whole(zero), "POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n");
    let none = request("POST", &[("transfer-encoding", "chunked")], Frames::none());
    assert_eq!(whole(none), "POST / HTTP/1.1\r\n\r\n", "and says of no coding that nothing is in");
}

#[test]
fn a_body_is_framed_as_its_head_says_or_as_is_known() {
    let frames = || Frames::new(vec![data("he"), data(""), None, data("llo")]);
    let counted = request("PUT", &[("content-length", "5")], frames());
    assert_eq!(whole(counted), "PUT / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello");
    let known = request("PUT", &[], frames().of_length(5));
    assert_eq!(whole(known), "PUT / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello");
    for method in ["PUT", "GET", "DELETE"] {
        let chunks = "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n";
        let expected = format!("{method} / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(whole(request(method, &[], frames())), expected);
        assert_eq!(whole(request(method, &[("transfer-encoding", "chunked")], frames())), expected);
    }
}

#[test]
fn only_trailers_that_were_announced_and_may_be_are_sent() {
    let body = || Frames::new(vec![data("x"), trailers()]);
    let announced = request("PUT", &[("trailer", "X-Sum, content-type")], body());
    assert!(whole(announced).ends_with("\r\n\r\n1\r\nx\r\n0\r\nx-sum: 1\r\n\r\n"));
    assert!(whole(request("PUT", &[], body())).ends_with("\r\n\r\n1\r\nx\r\n0\r\n\r\n"));
    let counted = request("PUT", &[("content-length", "1"), ("trailer", "x-sum")], body());
    assert!(whole(counted).ends_with("\r\n\r\nx"), "there is no place for them");
}

#[test]
fn large_pieces_and_slow_writes_come_to_the_same_bytes() {
    let large = "y".repeat(10_000);
    let body = || Frames::new(vec![data("x"), data(large.clone()), None, data(large.clone()), data("z")]);
    let expected = format!(
        "PUT / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n2710\r\n{large}\r\n2710\r\n{large}\r\n1\r\nz\r\n0\r\n\r\n"
    );
    for takes in [1, 7, 4_096, usize::MAX] {
        assert_eq!(written(request("PUT", &[], body()), takes), (expected.clone(), Poll::Ready(Ok(()))), "{takes}");
    }
}

#[test]
fn a_body_of_another_length_than_the_head_says_is_cut_off() {
    let says = Poll::Ready(Err("the request's body is not as long as its head says".to_owned()));
    for frames in [vec![data("hel")], vec![data("hel"), data("lo!")]] {
        let (text, end) = written(request("PUT", &[("content-length", "5")], Frames::new(frames)), usize::MAX);
        assert_eq!(end, says);
        assert!(!text.contains('!'), "{text:?}");
    }
}

#[test]
fn a_head_waits_one_poll_for_its_body_and_no_longer() {
    let mut link = Link::new(Box::new(Script::new(&[], false)));
    let script = Script::new(&[], false);
    let text = script.written();
    link.stream = Box::new(script);
    link.headers = link
        .upload
        .begin(request("PUT", &[("content-length", "1")], Frames::new(vec![None, None, data("x")])), &|_| {});
    assert!(link.upload.poll(&mut *link.stream, &mut noop()).is_pending());
    assert_eq!(text(), "");
    assert!(link.upload.poll(&mut *link.stream, &mut noop()).is_pending());
    assert_eq!(text(), "PUT / HTTP/1.1\r\ncontent-length: 1\r\n\r\n");
    assert!(link.upload.poll(&mut *link.stream, &mut noop()).is_ready());
    assert!(text().ends_with("\r\n\r\nx"));
}

//! The bytes of a request: where its head and its body end, what its path and its parameters say.

use keygate::proxy::Reserved;
use keygate::route::canonical;
use keygate::server::{BodyLength, Fault, HeadLimits, Inspector, plain_length};

const LIMITS: HeadLimits = HeadLimits { max_bytes: 4096, max_lines: 60 };

/// The first byte says in what pieces the others arrive. They come to the same as in one piece, and each head
/// that passes is one for another parser too, with the same end and the same body.
pub fn head(bytes: &[u8]) {
    let Some((&size, bytes)) = bytes.split_first() else { return };
    let whole = messages(bytes, usize::MAX / 2);
    let pieces = messages(bytes, usize::from(size).max(1));
    assert_eq!(whole, pieces, "how the bytes arrive makes a difference");
    for (at, body) in whole.heads {
        check_head(&bytes[at..], body);
    }
}

#[derive(Debug, PartialEq, Eq, Default)]
struct Messages {
    /// Where each head begins, and what body follows it.
    heads: Vec<(usize, BodyLength)>,
    fault: Option<Fault>,
    /// Where the last whole message ends.
    end: usize,
}

fn messages(bytes: &[u8], piece: usize) -> Messages {
    let mut inspector = Inspector::new(LIMITS);
    let mut found = Messages::default();
    let (mut from, mut to) = (0, 0);
    loop {
        let was_at_head = inspector.is_at_head();
        let passage = inspector.inspect(&bytes[from..to]);
        assert!(passage.pass <= to - from, "more passes than there is");
        assert!(passage.head.is_none() || was_at_head, "a head within a body");
        found.heads.extend(passage.head.map(|body| (from, body)));
        from += passage.pass;
        if inspector.is_at_head() && passage.pass > 0 && passage.fault.is_none() {
            found.end = from;
        }
        found.fault = passage.fault;
        if found.fault.is_some() || (passage.pass == 0 && to == bytes.len()) {
            return found;
        }
        if passage.pass == 0 || !inspector.is_at_head() {
            to = to.saturating_add(piece).min(bytes.len());
        }
    }
}

fn check_head(bytes: &[u8], body: BodyLength) {
    let mut lines = [httparse::EMPTY_HEADER; LIMITS.max_lines + 2];
    let mut request = httparse::Request::new(&mut lines);
    let parsed = request.parse(bytes);
    assert!(matches!(parsed, Ok(httparse::Status::Complete(_))), "passed, and yet no head: {parsed:?}");
    let values = |name: &str| -> Vec<&[u8]> {
        let named = request.headers.iter().filter(|line| line.name.eq_ignore_ascii_case(name));
        named.map(|line| line.value.trim_ascii()).collect()
    };
    let (lengths, codings) = (values("content-length"), values("transfer-encoding"));
    match body {
        BodyLength::Chunked => {
            assert!(lengths.is_empty() && codings.len() == 1, "two framings, or none");
            assert!(codings[0].eq_ignore_ascii_case(b"chunked"));
            assert_eq!(request.version, Some(1));
        }
        BodyLength::Exactly(length) => {
            assert!(codings.is_empty() && lengths.len() <= 1, "two framings");
            assert_eq!(lengths.first().map_or(Some(0), |value| plain_length(value)), Some(length));
        }
    }
}

/// A path has one reading: that form is its own, means what the bytes meant, and hides nothing.
pub fn path(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Ok(once) = canonical(text) else { return };
    assert_eq!(canonical(&once).as_deref(), Ok(&*once), "{text:?} is not settled at once");
    let meant = decoded(text);
    assert_eq!(decoded(&once), meant, "{text:?} means something else than {once:?}");
    let meant = String::from_utf8(meant).expect("text");
    assert!(meant.starts_with('/') && !meant.contains(['\\', '\0']), "{text:?}");
    assert_eq!(meant.matches('/').count(), text.matches('/').count(), "{text:?} hides a separator");
    assert!(!text.contains([';', '#', '?']), "{text:?} has a part that is no path");
    assert!(meant.split('/').all(|segment| segment != "." && segment != ".."), "{text:?} leads elsewhere");
    assert!(!meant.contains("//"), "{text:?} has an empty segment");
}

fn decoded(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16)).expect("a digit");
        out.push(u8::try_from(digit() * 16 + digit()).expect("two digits"));
    }
    out
}

/// The first line is the name that only the gateway may set, the second a query. Where that passes, a common
/// reader finds the name in none of its parameters, whole or as the beginning of a nested one.
pub fn parameters(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let Some((name, query)) = text.split_once('\n') else { return };
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(is_name) {
        return;
    }
    let reserved = Reserved::new([name.to_owned()]);
    let _ = reserved.check_cookies(query.as_bytes());
    if reserved.check_query(query).is_err() {
        return;
    }
    for (key, _) in form_urlencoded::parse(query.as_bytes()) {
        assert!(!key.eq_ignore_ascii_case(name), "{query:?} sets {name:?}");
        let outer = key.split(['[', '.']).next().unwrap_or_default();
        assert!(!outer.eq_ignore_ascii_case(name), "{query:?} sets a part of {name:?}");
        assert!(!key.replace('.', "_").eq_ignore_ascii_case(name), "PHP reads {name:?} in {query:?}");
    }
}

//! Three readers of a request target that nobody here wrote the rules of: RFC 3986, the URL standard of
//! browsers, and the way of servlet containers. Each says which path a server that reads so would serve.

use url::Url;

pub struct Reader {
    pub name: &'static str,
    /// `None`: it takes the target for none.
    pub read: fn(&str) -> Option<Vec<u8>>,
}

pub const READERS: [Reader; 3] = [
    Reader { name: "RFC 3986", read: rfc3986 },
    Reader { name: "WHATWG URL", read: whatwg },
    Reader { name: "servlets", read: servlet },
];

/// Stands for a `/` that is data: `%2F` ends no segment (RFC 3986 section 2.2).
const SLASH_AS_DATA: u8 = 0;

/// The path ends at `?` or `#`; unreserved characters are decoded, dots resolved (sections 6.2.2 and 5.2.4), and
/// what is left is decoded a segment at a time.
fn rfc3986(target: &str) -> Option<Vec<u8>> {
    let path = target.split(['?', '#']).next()?;
    let path = unreserved(path.strip_prefix('/')?.as_bytes())?;
    let mut segments: Vec<Vec<u8>> = Vec::new();
    let all: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    let (last, rest) = all.split_last()?;
    for segment in rest {
        match *segment {
            b"." => {}
            b".." => drop(segments.pop()),
            other => segments.push(other.to_vec()),
        }
    }
    match *last {
        b"." => segments.push(Vec::new()),
        b".." => {
            segments.pop();
            segments.push(Vec::new());
        }
        other => segments.push(other.to_vec()),
    }
    let decode = |segment: &Vec<u8>| {
        let data = |byte: &u8| if *byte == b'/' { SLASH_AS_DATA } else { *byte };
        Some(decoded(segment)?.iter().map(data).collect::<Vec<u8>>())
    };
    let segments: Option<Vec<Vec<u8>>> = segments.iter().map(decode).collect();
    Some([b"/", &segments?.join(&b'/')[..]].concat())
}

/// As browsers and Node do; servers then decode the whole.
fn whatwg(target: &str) -> Option<Vec<u8>> {
    let url = Url::parse(&format!("http://gateway.test{target}")).ok()?;
    (url.host_str() == Some("gateway.test")).then(|| decoded_leniently(url.path().as_bytes()))
}

/// Parameters are cut from each segment, then it is decoded, then slashes are merged and dots resolved.
fn servlet(target: &str) -> Option<Vec<u8>> {
    let path = target.split('?').next()?;
    let plain: Vec<&[u8]> = path.as_bytes().split(|&byte| byte == b'/').map(|segment| until(segment, b';')).collect();
    let whole = decoded_leniently(&plain.join(&b'/'));
    let whole: Vec<u8> = whole.iter().map(|&byte| if byte == b'\\' { b'/' } else { byte }).collect();
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in whole.split(|&byte| byte == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    let ends_open = whole.ends_with(b"/") && !segments.is_empty();
    let mut path = [b"/", &segments.join(&b'/')[..]].concat();
    if ends_open {
        path.push(b'/');
    }
    Some(path)
}

fn until(text: &[u8], end: u8) -> &[u8] {
    text.split(|&byte| byte == end).next().unwrap_or_default()
}

fn escape(text: &[u8]) -> Option<u8> {
    let digits = text.strip_prefix(b"%")?.get(..2)?;
    let digits = std::str::from_utf8(digits).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u8::from_str_radix(digits, 16).ok()
}

/// Every escape decoded once; `None` where one is broken.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    each_escape(text, |byte| Some(vec![byte]), false)
}

/// What is no escape stays.
fn decoded_leniently(text: &[u8]) -> Vec<u8> {
    each_escape(text, |byte| Some(vec![byte]), true).unwrap_or_default()
}

/// Only escapes of letters, digits, `-`, `.`, `_` and `~` decoded.
fn unreserved(text: &[u8]) -> Option<Vec<u8>> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    each_escape(text, |byte| plain(byte).then(|| vec![byte]), false)
}

fn each_escape(text: &[u8], replace: impl Fn(u8) -> Option<Vec<u8>>, lenient: bool) -> Option<Vec<u8>> {
    let (mut out, mut rest) = (Vec::new(), text);
    while let Some(&byte) = rest.first() {
        match (byte, escape(rest)) {
            (b'%', Some(value)) => {
                out.extend(replace(value).unwrap_or_else(|| rest[..3].to_ascii_uppercase()));
                rest = &rest[3..];
            }
            (b'%', None) if !lenient => return None,
            _ => {
                out.push(byte);
                rest = &rest[1..];
            }
        }
    }
    Some(out)
}

#[test]
fn the_readers_differ_where_servers_do() {
    let read =
        |target: &str| READERS.map(|reader| (reader.read)(target).map(|path| String::from_utf8(path).expect("text")));
    let all = |path: &str| [Some(path.to_owned()), Some(path.to_owned()), Some(path.to_owned())];
    assert_eq!(read("/a/b?c/../d"), all("/a/b"));
    assert_eq!(read("/a/%2e%2E/%62"), all("/b"));
    assert_eq!(read("/"), all("/"));
    let texts = |paths: [&str; 3]| paths.map(|path| Some(path.to_owned()));
    assert_eq!(read("/a/."), texts(["/a/", "/a/", "/a"]));
    assert_eq!(read("/a;x/b"), texts(["/a;x/b", "/a;x/b", "/a/b"]));
    assert_eq!(read("/a\\..\\b"), texts(["/a\\..\\b", "/b", "/b"]));
    assert_eq!(read("//b/c"), texts(["//b/c", "//b/c", "/b/c"]));
    assert_eq!(read("/a%2fb"), texts(["/a\0b", "/a/b", "/a/b"]));
    assert_eq!(read("/a#b"), texts(["/a", "/a", "/a#b"]));
    assert_eq!(read("/%zz")[0], None);
}

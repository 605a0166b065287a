//! The head of a request, line by line: complete and with one reading, or not complete yet, or refused.

use super::characters::{controls, is_target, is_text, is_token};
use super::fault::Fault;
use super::framing::{BodyLength, Framing};

/// What a head may have.
#[derive(Debug, Clone, Copy)]
pub struct HeadLimits {
    pub max_bytes: usize,
    pub max_lines: usize,
}

/// Empty lines that may stand before a request line: some clients end a body with one too many (RFC 9112
/// section 2.2).
const BLANK_LINES: u8 = 2;

/// No registered method has more than 17 letters.
const MAX_METHOD: usize = 32;

/// A head that is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Its bytes, the empty line at its end included.
    pub(super) length: usize,
    pub(super) body: BodyLength,
}

/// How far a head was read. Its bytes are given again with more behind them; no line is looked at twice.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HeadScan {
    /// Where the line begins that is not read yet.
    line: usize,
    /// Up to where there is no end of it.
    searched: usize,
    blank_lines: u8,
    header_lines: usize,
    has_request_line: bool,
    is_http_1_0: bool,
    is_head_method: bool,
    framing: Framing,
}

impl HeadScan {
    /// Whether the request is a HEAD, whose answer has no body. True only once that is known.
    pub(super) fn is_head_method(&self) -> bool {
        self.is_head_method
    }

    /// Reads on in `bytes`, which begin with the head. `None`: it is not complete.
    pub(super) fn read(&mut self, bytes: &[u8], limits: HeadLimits) -> Result<Option<Head>, Fault> {
        loop {
            let Some(found) = memchr::memchr(b'\n', &bytes[self.searched..]) else {
                self.searched = bytes.len();
                return if bytes.len() >= limits.max_bytes { Err(self.too_long()) } else { Ok(None) };
            };
            let end = self.searched + found;
            if end >= limits.max_bytes {
                return Err(self.too_long());
            }
            let Some((b'\r', line)) = bytes[self.line..end].split_last() else { return Err(Fault::LineEnd) };
            (self.line, self.searched) = (end + 1, end + 1);
            if line.is_empty() && self.has_request_line {
                let head = &bytes[..=end];
                self.check_controls(head)?;
                return Ok(Some(Head { length: head.len(), body: self.framing.settle(self.is_http_1_0)? }));
            }
            self.read_line(line, limits)?;
        }
    }

    fn read_line(&mut self, line: &[u8], limits: HeadLimits) -> Result<(), Fault> {
        if self.has_request_line {
            self.header_lines += 1;
            if self.header_lines > limits.max_lines { Err(Fault::HeadLines) } else { self.read_header(line) }
        } else if line.is_empty() {
            self.blank_lines += 1;
            if self.blank_lines > BLANK_LINES { Err(Fault::BlankLines) } else { Ok(()) }
        } else {
            self.has_request_line = true;
            self.read_request_line(line)
        }
    }

    /// RFC 9112 section 3: one space between three parts, and nothing else.
    fn read_request_line(&mut self, line: &[u8]) -> Result<(), Fault> {
        let method = line.iter().position(|&byte| !is_token(byte)).unwrap_or(line.len());
        let (method, rest) = line.split_at(method);
        self.is_head_method = method == b"HEAD";
        let rest = match rest {
            [b' ', rest @ ..] if !method.is_empty() => rest,
            [b' ' | b'\t', ..] | [] => return Err(Fault::RequestLine),
            _ => return Err(Fault::Method),
        };
        if method.len() > MAX_METHOD {
            return Err(Fault::Method);
        }
        let (target, version) = rest.split_last_chunk::<9>().ok_or(Fault::RequestLine)?;
        self.is_http_1_0 = match version {
            b" HTTP/1.1" => false,
            b" HTTP/1.0" => true,
            _ if rest.contains(&b' ') => return Err(Fault::Version),
            _ => return Err(Fault::RequestLine),
        };
        let is_lawful = |at: usize, byte: u8| is_target(byte) || (byte == b'`' && target[..at].contains(&b'?'));
        match target.iter().enumerate().find(|&(at, &byte)| !is_lawful(at, byte)).map(|(_, byte)| byte) {
            Some(b' ' | b'\t') => Err(Fault::RequestLine),
            Some(_) => Err(Fault::TargetCharacter),
            None if target.is_empty() => Err(Fault::RequestLine),
            None if !has_lawful_form(target, method) => Err(Fault::TargetForm),
            None if !target.is_ascii() && str::from_utf8(target).is_err() => Err(Fault::TargetCharacter),
            None => Ok(()),
        }
    }

    fn read_header(&mut self, line: &[u8]) -> Result<(), Fault> {
        let name = line.iter().position(|&byte| !is_token(byte)).unwrap_or(line.len());
        match line.split_at(name) {
            ([_, ..], [b':', value @ ..]) => self.framing.note(&line[..name], value),
            ([], [b' ' | b'\t', ..]) => Err(Fault::Folded),
            ([], [b'\r', ..]) => Err(Fault::LineEnd),
            _ => Err(Fault::HeaderName),
        }
    }

    /// A head whose only control characters are its line ends, as nearly all are, is looked at once as a
    /// whole. Names and targets have none, so what there is besides stands in values.
    fn check_controls(&self, head: &[u8]) -> Result<(), Fault> {
        let lines = usize::from(self.blank_lines) + 1 + self.header_lines + 1;
        if controls(head) == 2 * lines {
            return Ok(());
        }
        for line in head.split(|&byte| byte == b'\n') {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            match line.iter().find(|&&byte| !is_text(byte)) {
                None => {}
                Some(b'\r') => return Err(Fault::LineEnd),
                Some(_) => return Err(Fault::HeaderValue),
            }
        }
        Ok(())
    }

    fn too_long(&self) -> Fault {
        if self.has_request_line { Fault::HeadLength } else { Fault::TargetLength }
    }
}

/// RFC 9112 section 3.2: a path, `*`, or an address with a scheme; a host and a port for CONNECT alone.
fn has_lawful_form(target: &[u8], method: &[u8]) -> bool {
    target.starts_with(b"/") || target == b"*" || method == b"CONNECT" || target.windows(3).any(|three| three == b"://")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { max_bytes: 1_000, max_lines: 10 };

    fn read(bytes: &[u8]) -> Result<Option<Head>, Fault> {
        let whole = HeadScan::default().read(bytes, LIMITS);
        let mut scan = HeadScan::default();
        let steps = (1..=bytes.len()).map(|end| scan.read(&bytes[..end], LIMITS));
        let stepwise = steps.into_iter().find(|step| !matches!(step, Ok(None))).unwrap_or(Ok(None));
        assert_eq!(stepwise, whole, "byte by byte as at once: {:?}", String::from_utf8_lossy(bytes));
        whole
    }

    fn fault(bytes: &[u8]) -> Option<Fault> {
        read(bytes).err()
    }

    fn with(line: &[u8]) -> Vec<u8> {
        [b"GET / HTTP/1.1\r\nHost: a\r\n", line, b"\r\n\r\n"].concat()
    }

    #[test]
    fn a_head_in_order_passes_with_its_length_and_its_body() {
        let head = b"\r\n\r\nPOST /a?b HTTP/1.1\r\nHost: a\r\nX:\r\nX: a\tb \xe9\r\nContent-Length: 7\r\n\r\n";
        let bytes = [head.as_slice(), b"followed by more"].concat();
        let expected = Head { length: head.len(), body: BodyLength::Exactly(7) };
        assert_eq!(HeadScan::default().read(&bytes, LIMITS), Ok(Some(expected)));
        assert_eq!(read(head), Ok(Some(expected)));
        assert_eq!(read(&head[..head.len() - 1]), Ok(None));
        assert_eq!(read(b""), Ok(None));
    }

    #[test]
    fn lines_end_with_both_characters() {
        for head in [
            b"GET / HTTP/1.1\nHost: a\n\n".as_slice(),
            b"GET / HTTP/1.1\r\nHost: a\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\n",
            b"GET / HTTP/1.1\r\nHost: a\rb\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n",
            b"\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",
            b"GET / HTTP/1.1\r\nX:\n\nGET /evil HTTP/1.1\r\n\r\n",
        ] {
            assert_eq!(fault(head), Some(Fault::LineEnd), "{}", String::from_utf8_lossy(head));
        }
        assert_eq!(fault(b"\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"), Some(Fault::BlankLines));
    }

    #[test]
    fn a_request_line_has_three_parts() {
        for (line, expected) in [
            ("GET / HTTP/1.1", None),
            ("GET / HTTP/1.0", None),
            ("-bl / HTTP/1.1", None),
            ("GET /ä HTTP/1.1", None),
            ("GET  / HTTP/1.1", Some(Fault::RequestLine)),
            ("GET /  HTTP/1.1", Some(Fault::RequestLine)),
            ("GET / HTTP/1.1 ", Some(Fault::Version)),
            ("GET\t/ HTTP/1.1", Some(Fault::RequestLine)),
            (" GET / HTTP/1.1", Some(Fault::RequestLine)),
            ("GET /a b HTTP/1.1", Some(Fault::RequestLine)),
            ("GET /a\tb HTTP/1.1", Some(Fault::RequestLine)),
            ("GET  HTTP/1.1", Some(Fault::RequestLine)),
            ("GET /", Some(Fault::RequestLine)),
            ("GET", Some(Fault::RequestLine)),
            ("GET /averylongpath", Some(Fault::RequestLine)),
            ("GET / HTTP/1.2", Some(Fault::Version)),
            ("GET / HTTP/2.0", Some(Fault::Version)),
            ("GET / http/1.1", Some(Fault::Version)),
            ("GET / HTTP/01.1", Some(Fault::Version)),
            ("GET\u{b} / HTTP/1.1", Some(Fault::Method)),
            ("G\"ET / HTTP/1.1", Some(Fault::Method)),
            ("G:ET / HTTP/1.1", Some(Fault::Method)),
            ("ABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFG / HTTP/1.1", Some(Fault::Method)),
            ("OPTIONS * HTTP/1.1", None),
            ("GET http://a/ HTTP/1.1", None),
            ("CONNECT a:80 HTTP/1.1", None),
            ("GET a:80 HTTP/1.1", Some(Fault::TargetForm)),
            ("GET admin HTTP/1.1", Some(Fault::TargetForm)),
            ("POST pkg.Svc/Method HTTP/1.1", Some(Fault::TargetForm)),
            ("GET /a#b HTTP/1.1", Some(Fault::TargetCharacter)),
            ("GET /a?b#c HTTP/1.1", Some(Fault::TargetCharacter)),
            ("GET /a?b`c HTTP/1.1", None),
            ("GET /a`b?c HTTP/1.1", Some(Fault::TargetCharacter)),
            ("GET /\u{1} HTTP/1.1", Some(Fault::TargetCharacter)),
            ("GET /\u{7f} HTTP/1.1", Some(Fault::TargetCharacter)),
        ] {
            assert_eq!(fault(format!("{line}\r\nHost: a\r\n\r\n").as_bytes()), expected, "{line}");
        }
        assert_eq!(fault(b"GET /\xff HTTP/1.1\r\n\r\n"), Some(Fault::TargetCharacter));
    }

    #[test]
    fn a_header_line_has_a_name_and_a_value() {
        for line in ["no colon", ": x", "X : 1", "X(: 1", "X@: 1", "X\u{0}: 1", "X\u{85}: 1", "Content-Length\u{b}: 1"]
        {
            assert_eq!(fault(&with(line.as_bytes())), Some(Fault::HeaderName), "{line:?}");
        }
        for line in [" folded", "\tTransfer-Encoding: chunked", " "] {
            assert_eq!(fault(&with(line.as_bytes())), Some(Fault::Folded), "{line:?}");
        }
        for line in ["X: a\u{0}b", "X: \u{b}", "X: \u{7f}", "Transfer-Encodin: chunked\u{c}"] {
            assert_eq!(fault(&with(line.as_bytes())), Some(Fault::HeaderValue), "{line:?}");
        }
    }

    #[test]
    fn a_head_has_an_end() {
        assert_eq!(fault(format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1_000)).as_bytes()), Some(Fault::TargetLength));
        assert_eq!(fault(&with(format!("X: {}", "x".repeat(1_000)).as_bytes())), Some(Fault::HeadLength));
        assert_eq!(fault("x".repeat(1_000).as_bytes()), Some(Fault::TargetLength));
        let lines = |count: usize| format!("GET / HTTP/1.1\r\n{}\r\n", "X: 1\r\n".repeat(count));
        assert_eq!(fault(lines(10).as_bytes()), None);
        assert_eq!(fault(lines(11).as_bytes()), Some(Fault::HeadLines));
    }
}

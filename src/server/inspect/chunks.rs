//! A chunked body, followed to its end (RFC 9112 section 7.1), more strictly than it is decoded.

use super::characters::{is_text, is_token};
use super::fault::Fault;
use super::head::HeadLimits;

/// Bytes of extensions in all of a body. Nobody uses any; a body made of them is an attack.
const MAX_EXTENSIONS: usize = 4_096;

/// Digits of a size: what a number of 64 bits takes.
const MAX_DIGITS: u8 = 16;

/// Where in a chunked body the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Size,
    ExtensionName { begun: bool },
    ExtensionValue,
    ExtensionToken,
    ExtensionQuoted,
    ExtensionEscaped,
    ExtensionQuotedEnd,
    SizeLf,
    Data,
    DataCr,
    DataLf,
    TrailerStart,
    TrailerName,
    TrailerValue,
    TrailerLf,
    EndLf,
    Over,
}

/// How far a chunked body was followed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Chunks {
    at: At,
    /// Of the chunk: its size while that is read, then what is left of it.
    size: u64,
    digits: u8,
    extension_bytes: usize,
    trailer_bytes: usize,
    trailer_lines: usize,
}

impl Chunks {
    pub(super) fn new() -> Self {
        Self { at: At::Size, size: 0, digits: 0, extension_bytes: 0, trailer_bytes: 0, trailer_lines: 0 }
    }

    pub(super) fn is_over(&self) -> bool {
        self.at == At::Over
    }

    /// Follows the body through `bytes`: how many of them are of it and in order, and what is wrong with
    /// the next one.
    pub(super) fn read(&mut self, bytes: &[u8], limits: HeadLimits) -> (usize, Option<Fault>) {
        let mut read = 0;
        while read < bytes.len() && !self.is_over() {
            if self.at == At::Data {
                let here = (bytes.len() - read).min(usize::try_from(self.size).unwrap_or(usize::MAX));
                self.size -= here as u64;
                read += here;
                if self.size == 0 {
                    self.at = At::DataCr;
                }
                continue;
            }
            match self.step(bytes[read], limits) {
                Ok(next) => self.at = next,
                Err(fault) => return (read, Some(fault)),
            }
            read += 1;
        }
        (read, None)
    }

    fn step(&mut self, byte: u8, limits: HeadLimits) -> Result<At, Fault> {
        match self.at {
            At::Size => self.size_digit(byte),
            At::SizeLf => match (byte, self.size) {
                (b'\n', 0) => Ok(At::TrailerStart),
                (b'\n', _) => Ok(At::Data),
                _ => Err(Fault::ChunkSize),
            },
            At::DataCr if byte == b'\r' => Ok(At::DataLf),
            At::DataLf if byte == b'\n' => {
                (self.size, self.digits) = (0, 0);
                Ok(At::Size)
            }
            At::Data | At::DataCr | At::DataLf | At::Over => Err(Fault::ChunkEnd),
            At::TrailerStart | At::TrailerName | At::TrailerValue | At::TrailerLf | At::EndLf => {
                self.trailer_bytes += 1;
                if self.trailer_bytes > limits.max_bytes { Err(Fault::TrailerLine) } else { self.trailer(byte, limits) }
            }
            _ => {
                self.extension_bytes += 1;
                if self.extension_bytes > MAX_EXTENSIONS { Err(Fault::ChunkExtension) } else { self.extension(byte) }
            }
        }
    }

    fn size_digit(&mut self, byte: u8) -> Result<At, Fault> {
        match (byte, char::from(byte).to_digit(16)) {
            (_, Some(digit)) if self.digits < MAX_DIGITS => {
                self.digits += 1;
                self.size = self.size << 4 | u64::from(digit);
                // One bit less than there are, as for lengths.
                if self.size > i64::MAX as u64 { Err(Fault::ChunkSize) } else { Ok(At::Size) }
            }
            (b'\r', _) if self.digits > 0 => Ok(At::SizeLf),
            (b';', _) if self.digits > 0 => Ok(At::ExtensionName { begun: false }),
            _ => Err(Fault::ChunkSize),
        }
    }

    /// `;name`, `;name=token` or `;name="text"`, without the blanks that the grammar calls bad.
    fn extension(&self, byte: u8) -> Result<At, Fault> {
        match (self.at, byte) {
            (At::ExtensionName { .. }, _) if is_token(byte) => Ok(At::ExtensionName { begun: true }),
            (At::ExtensionName { begun: true }, b'=') => Ok(At::ExtensionValue),
            (At::ExtensionValue, b'"') => Ok(At::ExtensionQuoted),
            (At::ExtensionValue | At::ExtensionToken, _) if is_token(byte) => Ok(At::ExtensionToken),
            (At::ExtensionName { begun: true } | At::ExtensionToken | At::ExtensionQuotedEnd, b'\r') => Ok(At::SizeLf),
            (At::ExtensionName { begun: true } | At::ExtensionToken | At::ExtensionQuotedEnd, b';') => {
                Ok(At::ExtensionName { begun: false })
            }
            (At::ExtensionQuoted, b'"') => Ok(At::ExtensionQuotedEnd),
            (At::ExtensionQuoted, b'\\') => Ok(At::ExtensionEscaped),
            (At::ExtensionQuoted | At::ExtensionEscaped, _) if is_text(byte) => Ok(At::ExtensionQuoted),
            _ => Err(Fault::ChunkExtension),
        }
    }

    fn trailer(&mut self, byte: u8, limits: HeadLimits) -> Result<At, Fault> {
        match (self.at, byte) {
            (At::TrailerStart, b'\r') => Ok(At::EndLf),
            (At::TrailerStart, _) if is_token(byte) && self.trailer_lines < limits.max_lines => {
                self.trailer_lines += 1;
                Ok(At::TrailerName)
            }
            (At::TrailerName, b':') => Ok(At::TrailerValue),
            (At::TrailerName, _) if is_token(byte) => Ok(At::TrailerName),
            (At::TrailerValue, b'\r') => Ok(At::TrailerLf),
            (At::TrailerValue, _) if is_text(byte) => Ok(At::TrailerValue),
            (At::TrailerLf, b'\n') => Ok(At::TrailerStart),
            (At::EndLf, b'\n') => Ok(At::Over),
            _ => Err(Fault::TrailerLine),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: HeadLimits = HeadLimits { max_bytes: 100, max_lines: 2 };

    /// What is passed of the body, and how it ends: over, broken, or with more to come.
    fn read(body: &[u8]) -> (usize, Result<bool, Fault>) {
        let mut chunks = Chunks::new();
        let (passed, fault) = chunks.read(body, LIMITS);
        let mut stepwise = Chunks::new();
        let steps = body.iter().map(|byte| stepwise.read(&[*byte], LIMITS));
        let passed_stepwise: usize = steps.map_while(|(read, _)| (read == 1).then_some(1)).sum();
        assert_eq!((passed_stepwise, stepwise.is_over()), (passed, chunks.is_over()), "byte by byte as at once");
        (passed, fault.map_or(Ok(chunks.is_over()), Err))
    }

    #[test]
    fn a_body_ends_where_its_last_chunk_says() {
        for body in [
            "0\r\n\r\n",
            "3\r\nabc\r\n0\r\n\r\n",
            "A\r\n0123456789\r\n00\r\n\r\n",
            "0000000000000003\r\nabc\r\n0\r\nX-Sum: 6\r\nY:\ta\r\n\r\n",
            "3;a\r\nabc\r\n0;b=c;d=\"e \\\" f\"\r\n\r\n",
        ] {
            let more = format!("{body}GET / HTTP/1.1\r\n");
            let mut chunks = Chunks::new();
            assert_eq!(chunks.read(more.as_bytes(), LIMITS), (body.len(), None), "{body}");
            assert!(chunks.is_over());
            assert_eq!(read(body.as_bytes()), (body.len(), Ok(true)));
            assert_eq!(read(&body.as_bytes()[..body.len() - 1]), (body.len() - 1, Ok(false)));
        }
    }

    #[test]
    fn what_is_odd_is_refused_at_its_byte() {
        for (body, passed, fault) in [
            ("0x1\r\n", 1, Fault::ChunkSize),
            ("+1\r\n", 0, Fault::ChunkSize),
            ("-1\r\n", 0, Fault::ChunkSize),
            ("1_\r\n", 1, Fault::ChunkSize),
            (" 1\r\n", 0, Fault::ChunkSize),
            ("1 \r\n", 1, Fault::ChunkSize),
            ("\r\n", 0, Fault::ChunkSize),
            ("Z\r\n", 0, Fault::ChunkSize),
            ("00000000000000001\r\n", 16, Fault::ChunkSize),
            ("8000000000000000\r\n", 15, Fault::ChunkSize),
            ("1\na\r\n", 1, Fault::ChunkSize),
            ("1\rXa\r\n", 2, Fault::ChunkSize),
            ("0\n\r\n", 1, Fault::ChunkSize),
            ("1;\r\na", 2, Fault::ChunkExtension),
            ("1;\0\r\n", 2, Fault::ChunkExtension),
            ("1;a\n", 3, Fault::ChunkExtension),
            ("1;a\rb", 4, Fault::ChunkSize),
            ("1 ;a\r\n", 1, Fault::ChunkSize),
            ("1; a\r\n", 2, Fault::ChunkExtension),
            ("1;a =b\r\n", 3, Fault::ChunkExtension),
            ("1;a=\r\n", 4, Fault::ChunkExtension),
            ("1;a=\"\n\"\r\n", 5, Fault::ChunkExtension),
            ("1;a=\"b\"c\r\n", 7, Fault::ChunkExtension),
            ("3\r\nabcd\r\n", 6, Fault::ChunkEnd),
            ("3\r\nabc0\r\n", 6, Fault::ChunkEnd),
            ("3\r\nabc\n0\r\n", 6, Fault::ChunkEnd),
            ("3\r\nabc\r0\r\n", 7, Fault::ChunkEnd),
            ("0\r\n\n", 3, Fault::TrailerLine),
            ("0\r\n folded: 1\r\n", 3, Fault::TrailerLine),
            ("0\r\nX : 1\r\n", 4, Fault::TrailerLine),
            ("0\r\n: 1\r\n", 3, Fault::TrailerLine),
            ("0\r\nX: 1\n\r\n", 7, Fault::TrailerLine),
            ("0\r\nX: a\rb\r\n", 8, Fault::TrailerLine),
            ("0\r\nX: a\0\r\n", 7, Fault::TrailerLine),
            ("0\r\nA:1\r\nB:1\r\nC:1\r\n\r\n", 13, Fault::TrailerLine),
        ] {
            assert_eq!(read(body.as_bytes()), (passed, Err(fault)), "{body:?}");
        }
        assert_eq!(read(format!("0\r\nX: {}", "x".repeat(200)).as_bytes()).1, Err(Fault::TrailerLine));
    }

    #[test]
    fn extensions_are_few() {
        let body = |length: usize| format!("1;{}\r\na\r\n0\r\n\r\n", "x".repeat(length));
        assert_eq!(read(body(4_095).as_bytes()).1, Ok(true));
        assert_eq!(read(body(4_096).as_bytes()).1, Err(Fault::ChunkExtension));
        let many = "1;x\r\na\r\n".repeat(2_049);
        assert_eq!(read(many.as_bytes()).1, Err(Fault::ChunkExtension), "of all chunks together");
    }
}

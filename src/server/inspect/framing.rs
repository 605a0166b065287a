//! Where a request's body ends, said once and in one spelling (RFC 9112 section 6).

use super::characters::is_token;
use super::fault::Fault;

/// How much body follows a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyLength {
    Exactly(u64),
    Chunked,
}

/// What the header lines so far say of the body.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Framing {
    length: Option<u64>,
    chunked: bool,
}

impl Framing {
    /// Takes note of a header line if it is about the body. Only two lengths of name are looked at.
    pub(super) fn note(&mut self, name: &[u8], value: &[u8]) -> Result<(), Fault> {
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => self.note_length(trim(value)),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.note_coding(trim(value)),
            _ => Ok(()),
        }
    }

    /// What all lines together say.
    pub(super) fn settle(self, is_http_1_0: bool) -> Result<BodyLength, Fault> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Fault::TwoFramings),
            (true, None) if is_http_1_0 => Err(Fault::TransferEncodingOfOld),
            (true, None) => Ok(BodyLength::Chunked),
            (false, length) => Ok(BodyLength::Exactly(length.unwrap_or(0))),
        }
    }

    fn note_length(&mut self, value: &[u8]) -> Result<(), Fault> {
        let length = plain_length(value).ok_or(Fault::ContentLength)?;
        match self.length.replace(length) {
            Some(_) => Err(Fault::ContentLength),
            None => Ok(()),
        }
    }

    fn note_coding(&mut self, value: &[u8]) -> Result<(), Fault> {
        if std::mem::replace(&mut self.chunked, true) {
            return Err(Fault::TransferEncoding);
        }
        match value {
            _ if value.eq_ignore_ascii_case(b"chunked") => Ok(()),
            [_, ..] if value.iter().all(|&byte| is_token(byte)) => Err(Fault::TransferCoding),
            _ => Err(Fault::TransferEncoding),
        }
    }
}

/// The number that a `Content-Length` says: decimal digits, no more of them than it takes, and a number
/// that every program on the way can hold.
pub fn plain_length(value: &[u8]) -> Option<u64> {
    if !matches!(value, [b'0'] | [b'1'..=b'9', ..]) {
        return None;
    }
    let number = value.iter().try_fold(0u64, |sum, byte| {
        let digit = byte.checked_sub(b'0').filter(|&digit| digit < 10)?;
        sum.checked_mul(10)?.checked_add(u64::from(digit))
    });
    number.filter(|&number| i64::try_from(number).is_ok())
}

fn trim(value: &[u8]) -> &[u8] {
    let is_blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let start = value.iter().position(|byte| !is_blank(byte)).unwrap_or(value.len());
    let end = value.iter().rposition(|byte| !is_blank(byte)).map_or(start, |at| at + 1);
    &value[start..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(lines: &[(&str, &[u8])]) -> Result<BodyLength, Fault> {
        let mut framing = Framing::default();
        for (name, value) in lines {
            framing.note(name.as_bytes(), value)?;
        }
        framing.settle(false)
    }

    #[test]
    fn a_length_is_one_plain_number() {
        assert_eq!(settled(&[]), Ok(BodyLength::Exactly(0)));
        assert_eq!(settled(&[("Content-Length", b" 0\t")]), Ok(BodyLength::Exactly(0)));
        assert_eq!(settled(&[("content-length", b"9223372036854775807")]), Ok(BodyLength::Exactly(i64::MAX as u64)));
        for odd in [
            "",
            "+3",
            "-3",
            "0x3",
            "1_0",
            "3;x",
            "3 3",
            "\"3\"",
            "03",
            "00",
            "3,3",
            "3.0",
            "1e1",
            "9223372036854775808",
            "18446744073709551616",
            "99999999999999999999",
        ] {
            assert_eq!(settled(&[("content-length", odd.as_bytes())]), Err(Fault::ContentLength), "{odd}");
        }
        assert_eq!(settled(&[("content-length", b"\xa03")]), Err(Fault::ContentLength));
        assert_eq!(settled(&[("content-length", b"3"), ("CONTENT-LENGTH", b"3")]), Err(Fault::ContentLength));
    }

    #[test]
    fn a_coding_is_chunked_once() {
        assert_eq!(settled(&[("Transfer-Encoding", b" CHUNKED ")]), Ok(BodyLength::Chunked));
        for (value, fault) in [
            ("", Fault::TransferEncoding),
            (",chunked", Fault::TransferEncoding),
            ("chunked,", Fault::TransferEncoding),
            ("chunked, chunked", Fault::TransferEncoding),
            ("gzip, chunked", Fault::TransferEncoding),
            ("chunked;x=y", Fault::TransferEncoding),
            ("\"chunked\"", Fault::TransferEncoding),
            ("gzip", Fault::TransferCoding),
            ("identity", Fault::TransferCoding),
            ("xchunked", Fault::TransferCoding),
        ] {
            assert_eq!(settled(&[("transfer-encoding", value.as_bytes())]), Err(fault), "{value}");
        }
        let chunked: (&str, &[u8]) = ("transfer-encoding", b"chunked");
        assert_eq!(settled(&[chunked, chunked]), Err(Fault::TransferEncoding));
        assert_eq!(settled(&[chunked, ("content-length", b"3")]), Err(Fault::TwoFramings));
        let mut old = Framing::default();
        assert_eq!(old.note(b"Transfer-Encoding", b"chunked"), Ok(()));
        assert_eq!(old.settle(true), Err(Fault::TransferEncodingOfOld));
    }
}

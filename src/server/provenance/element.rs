//! `Forwarded` (RFC 7239 section 4): a list of elements of pairs. It is no structured field.

use std::net::IpAddr;

use super::node;

/// What one proxy tells of the request that it was sent.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element {
    /// From where; `None` where that is not said, or hidden.
    pub(super) source: Option<IpAddr>,
    pub(super) scheme: Option<Vec<u8>>,
    pub(super) host: Option<Vec<u8>>,
}

/// The elements of a line. `None` where it is malformed: then it is not sure where any of them begins.
pub(super) fn parse(line: &[u8]) -> Option<Vec<Element>> {
    let mut rest = Rest(line);
    let mut elements = Vec::new();
    loop {
        rest.skip_blanks();
        // An empty element of a list means nothing (RFC 9110 section 5.6.1).
        if !matches!(rest.0.first(), None | Some(b',')) {
            elements.push(rest.element()?);
            rest.skip_blanks();
        }
        match rest.next() {
            None => return Some(elements),
            Some(b',') => {}
            Some(_) => return None,
        }
    }
}

/// What is still to be read.
struct Rest<'line>(&'line [u8]);

impl<'line> Rest<'line> {
    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn skip_blanks(&mut self) {
        while let [b' ' | b'\t', rest @ ..] = self.0 {
            self.0 = rest;
        }
    }

    /// Pairs with semicolons between them, up to a blank, a comma or the end.
    fn element(&mut self) -> Option<Element> {
        let mut seen: Vec<&[u8]> = Vec::new();
        let mut element = Element::default();
        loop {
            if !matches!(self.0.first(), None | Some(b';' | b',' | b' ' | b'\t')) {
                let name = self.token()?;
                if self.next() != Some(b'=') || seen.iter().any(|seen| seen.eq_ignore_ascii_case(name)) {
                    return None;
                }
                seen.push(name);
                let value = self.value()?;
                match name {
                    _ if name.eq_ignore_ascii_case(b"for") => element.source = node::node(&value),
                    _ if name.eq_ignore_ascii_case(b"proto") => element.scheme = Some(value),
                    _ if name.eq_ignore_ascii_case(b"host") => element.host = Some(value),
                    _ => {}
                }
            }
            match self.0 {
                [b';', rest @ ..] => self.0 = rest,
                _ => return Some(element),
            }
        }
    }

    fn token(&mut self) -> Option<&'line [u8]> {
        let end = self.0.iter().position(|&byte| !is_token(byte)).unwrap_or(self.0.len());
        let (token, rest) = self.0.split_at(end);
        self.0 = rest;
        (!token.is_empty()).then_some(token)
    }

    /// A token or a quoted string.
    fn value(&mut self) -> Option<Vec<u8>> {
        let [b'"', rest @ ..] = self.0 else { return self.token().map(<[u8]>::to_vec) };
        self.0 = rest;
        let mut value = Vec::new();
        loop {
            match self.next()? {
                b'"' => return Some(value),
                b'\\' => value.push(self.next()?),
                byte => value.push(byte),
            }
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_and_lists() {
        let text = br#" for="_a\"b,c" ; , ;for=192.0.2.1;;secret="x;y";proto=http , , by=_z;host="a:1" "#;
        // A blank before a semicolon is none of the grammar's.
        assert_eq!(parse(text), None);
        let text = br#"for="_a\"b,c";,;for=192.0.2.1;;secret="x;y";proto=http , , by=_z;host="a:1" "#;
        let elements = parse(text).expect("a list");
        assert_eq!(elements.len(), 3);
        assert_eq!(elements[0], Element::default());
        assert_eq!(elements[1].source, Some(IpAddr::from([192, 0, 2, 1])));
        assert_eq!(elements[1].scheme.as_deref(), Some(&b"http"[..]));
        assert_eq!(elements[2].host.as_deref(), Some(&b"a:1"[..]));
        for malformed in ["for", "for=", "=a", "for=\"a", "for=\"a\\", "for=a b", "a=b=c", "for=\"a\"b", "a=1;A=2"] {
            assert_eq!(parse(malformed.as_bytes()), None, "{malformed}");
        }
    }
}

//! Two fields of a record, and nothing of the others: for whoever goes through millions of them.
//!
//! Only as much of MessagePack as the records are made of (`msgpack/spec.md`, "Formats").

/// Lists in lists: records have two at most, and no bytes may make the reader fall without end.
const DEEPEST: u8 = 8;

/// The bytes of `field` in the map at the beginning of `payload`; `None` where there is no such field,
/// or where the payload is not such a map.
pub(super) fn bytes<'a>(payload: &'a [u8], field: &[u8]) -> Option<&'a [u8]> {
    let mut rest = Rest(payload);
    let entries = match rest.byte()? {
        marker @ 0x80..=0x8f => usize::from(marker & 0x0f),
        0xde => rest.length(2)?,
        _ => return None,
    };
    for _ in 0..entries {
        if rest.value(DEEPEST)? == field {
            return rest.value(DEEPEST);
        }
        rest.value(DEEPEST)?;
    }
    None
}

struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of `size` bytes, the highest first.
    fn length(&mut self, size: usize) -> Option<usize> {
        Some(self.take(size)?.iter().fold(0, |sum, &byte| sum << 8 | usize::from(byte)))
    }

    /// The next value whole: the bytes of a text or of bytes, and nothing of any other.
    fn value(&mut self, deepest: u8) -> Option<&'a [u8]> {
        let deeper = deepest.checked_sub(1)?;
        let (size, inner) = match self.byte()? {
            0x00..=0x7f | 0xe0..=0xff | 0xc0 | 0xc2 | 0xc3 => (0, 0),
            marker @ 0xa0..=0xbf => return self.take(usize::from(marker & 0x1f)),
            0xd9 | 0xc4 => return self.length(1).and_then(|length| self.take(length)),
            0xda | 0xc5 => return self.length(2).and_then(|length| self.take(length)),
            0xdb | 0xc6 => return self.length(4).and_then(|length| self.take(length)),
            0xcc | 0xd0 => (1, 0),
            0xcd | 0xd1 => (2, 0),
            0xca | 0xce | 0xd2 => (4, 0),
            0xcb | 0xcf | 0xd3 => (8, 0),
            marker @ 0x90..=0x9f => (0, usize::from(marker & 0x0f)),
            marker @ 0x80..=0x8f => (0, 2 * usize::from(marker & 0x0f)),
            0xdc => (0, self.length(2)?),
            0xde => (0, 2 * self.length(2)?),
            // What no record has: longer lists, and types of somebody else's.
            _ => return None,
        };
        self.take(size)?;
        for _ in 0..inner {
            self.value(deeper)?;
        }
        Some(&[])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_behind_values_of_every_kind() {
        let map = (
            ("small", 5u8, "text", "x".repeat(300)),
            [vec![1u64, 300, 70_000, u64::MAX], vec![], vec![7; 40]],
            (-5i8, -300i64, Some(true), None::<bool>),
        );
        let list = rmp_serde::to_vec(&map).expect("it has a form");
        let wanted = rmp_serde::to_vec(&serde_bytes(&[9; 32])).expect("it has a form");
        let payload = [&[0x82, 0xa4][..], b"else", &list, &[0xa6], b"digest", &wanted].concat();
        assert_eq!(bytes(&payload, b"digest"), Some(&[9; 32][..]));
        assert_eq!(bytes(&payload, b"account"), None);
        assert_eq!(bytes(&[&[0x81][..], &[0x91; 100_000]].concat(), b"digest"), None);
        for cut in 0..payload.len() {
            assert_eq!(bytes(&payload[..cut], b"digest"), None, "cut to {cut}");
        }
    }

    /// Bytes as MessagePack has them, and not a list of numbers.
    fn serde_bytes(bytes: &[u8]) -> impl serde::Serialize {
        struct Whole(Vec<u8>);
        impl serde::Serialize for Whole {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(&self.0)
            }
        }
        Whole(bytes.to_vec())
    }
}

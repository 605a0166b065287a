//! The fields of a record one by one, without a place for each: for whoever goes through millions of them.
//!
//! Only as much of MessagePack as the records are made of (`msgpack/spec.md`, "Formats").

/// Lists in lists: records have three at most, and no bytes may make the reader fall without end.
const DEEPEST: u8 = 8;

/// The value of a field.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    /// As it is written.
    pub(super) raw: &'a [u8],
    /// The bytes of a text or of bytes, and nothing of any other.
    pub(super) contents: &'a [u8],
}

impl Value<'_> {
    /// `None` for anything else.
    pub(super) fn number(self) -> Option<i64> {
        let (&marker, bytes) = self.raw.split_first()?;
        let unsigned = || bytes.iter().fold(0, |sum: u64, &byte| sum << 8 | u64::from(byte));
        match marker {
            0x00..=0x7f => Some(i64::from(marker)),
            0xe0..=0xff => Some(i64::from(i8::from_be_bytes([marker]))),
            0xcc..=0xcf => i64::try_from(unsigned()).ok(),
            0xd0 => Some(i64::from(i8::from_be_bytes(bytes.try_into().ok()?))),
            0xd1 => Some(i64::from(i16::from_be_bytes(bytes.try_into().ok()?))),
            0xd2 => Some(i64::from(i32::from_be_bytes(bytes.try_into().ok()?))),
            0xd3 => Some(i64::from_be_bytes(bytes.try_into().ok()?)),
            _ => None,
        }
    }
}

/// Shows `see` each field of the map at the beginning of `payload`; `None` where it is not such a map.
pub(super) fn each<'a>(payload: &'a [u8], mut see: impl FnMut(&'a [u8], Value<'a>)) -> Option<()> {
    let mut rest = Rest(payload);
    let entries = match rest.byte()? {
        marker @ 0x80..=0x8f => usize::from(marker & 0x0f),
        0xde => rest.length(2)?,
        _ => return None,
    };
    for _ in 0..entries {
        let name = rest.value(DEEPEST)?;
        let before = rest.0;
        let contents = rest.value(DEEPEST)?;
        see(name, Value { raw: &before[..before.len() - rest.0.len()], contents });
    }
    Some(())
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
        let mut seen = Vec::new();
        assert_eq!(each(&payload, |name, value| seen.push((name, value.raw, value.contents))), Some(()));
        assert_eq!(seen, [(&b"else"[..], &list[..], &[][..]), (b"digest", &wanted, &[9; 32])]);
        assert_eq!(each(&[&[0x81][..], &[0x91; 100_000]].concat(), |_, _| {}), None);
        for cut in 0..payload.len() {
            assert_eq!(each(&payload[..cut], |_, _| {}), None, "cut to {cut}");
        }
    }

    #[test]
    fn numbers_of_every_size_are_read() {
        for number in
            [0, 1, -1, 127, 128, -32, -33, 255, 65_535, -32_768, -32_769, i64::MAX, i64::MIN, 1 << 32, -(1 << 31)]
        {
            let raw = rmp_serde::to_vec(&number).expect("it has a form");
            assert_eq!(Value { raw: &raw, contents: &[] }.number(), Some(number));
        }
        assert_eq!(Value { raw: &[0xc0], contents: &[] }.number(), None);
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

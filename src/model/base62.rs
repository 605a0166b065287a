//! Fixed-width base62 (`0-9A-Za-z`), the alphabet of token texts and ids.
//!
//! The alphabet is in ASCII order and the width is fixed, so encoded numbers sort as the numbers do.

pub(super) const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// `value` in exactly `N` characters, left-padded with `0`. The caller picks an `N` that holds it:
/// 6 for 32 bits, 22 for 128.
pub(super) fn encode<const N: usize>(mut value: u128) -> [u8; N] {
    /// The most digits that 64 bits hold: to divide 128 bits takes ten times as long.
    const DIGITS: usize = 10;
    let mut out = [b'0'; N];
    for part in out.rchunks_mut(DIGITS) {
        let mut rest = (value % 62u128.pow(DIGITS as u32)) as u64;
        value /= 62u128.pow(DIGITS as u32);
        for slot in part.iter_mut().rev() {
            *slot = ALPHABET[(rest % 62) as usize];
            rest /= 62;
        }
    }
    debug_assert_eq!(value, 0, "the width holds the value");
    out
}

/// The number that `text` spells; `None` for a foreign character or a value over 128 bits.
pub(super) fn decode(text: &[u8]) -> Option<u128> {
    text.iter().try_fold(0u128, |sum, &byte| sum.checked_mul(62)?.checked_add(u128::from(digit(byte)?)))
}

/// Whether every byte is one of the 62.
pub(super) fn is_base62(text: &[u8]) -> bool {
    // All of them, whatever the first ones are: so it takes sixteen at a time.
    text.iter().fold(true, |all, byte| all & byte.is_ascii_alphanumeric())
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'A'..=b'Z' => Some(byte - b'A' + 10),
        b'a'..=b'z' => Some(byte - b'a' + 36),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip_at_the_edges() {
        for value in [0, 1, 61, 62, u128::from(u32::MAX), u128::MAX] {
            let text: [u8; 22] = encode(value);
            assert_eq!(decode(&text), Some(value));
        }
        assert_eq!(&encode::<6>(0), b"000000");
    }

    #[test]
    fn foreign_characters_and_overflow_are_refused() {
        assert_eq!(decode(b"12-4"), None);
        assert_eq!(decode(&[b'z'; 22]), None, "62^22 is over 2^128");
    }

    #[test]
    fn order_is_kept() {
        assert!(encode::<22>(9) < encode::<22>(10));
        assert!(encode::<22>(35) < encode::<22>(36));
    }
}

//! Which bytes may stand where (RFC 9110 section 5.6.2, RFC 3986).

/// A byte of a name: of a method, a header, a coding.
pub(super) const fn is_token(byte: u8) -> bool {
    TOKEN[byte as usize]
}

/// A byte that may stand anywhere in a request target. A backtick may in a query, where browsers send it;
/// bytes above ASCII are looked at where there are any.
pub(super) const fn is_target(byte: u8) -> bool {
    TARGET[byte as usize]
}

/// A byte of a header's value: a tab, anything printable, and the bytes above ASCII.
pub(super) const fn is_text(byte: u8) -> bool {
    byte == b'\t' || !is_control(byte)
}

/// How many control characters there are. Adding bytes up in blocks of bytes lets the compiler look at
/// sixteen and more at a time.
pub(super) fn controls(bytes: &[u8]) -> usize {
    let blocks = bytes.chunks(128);
    blocks.map(|block| usize::from(block.iter().map(|&byte| u8::from(is_control(byte))).sum::<u8>())).sum()
}

const fn is_control(byte: u8) -> bool {
    byte < 0x20 || byte == 0x7f
}

static TOKEN: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = matches!(
            byte as u8,
            b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z'
                | b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        );
        byte += 1;
    }
    table
};

static TARGET: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0x21;
    while byte < 256 {
        table[byte] = !matches!(byte as u8, b'#' | b'"' | b'<' | b'>' | b'`' | 0x7f);
        byte += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_counted_in_blocks_of_any_length() {
        for length in [0, 1, 127, 128, 129, 1_000] {
            assert_eq!(controls(&vec![0x1f; length]), length);
            assert_eq!(controls(&vec![b' '; length]), 0);
        }
        assert_eq!(controls(b"a\tb\r\n\x7f\x80\xff"), 4);
    }
}

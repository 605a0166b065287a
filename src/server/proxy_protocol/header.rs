//! The header of the PROXY protocol, versions 1 and 2, read strictly: a line of text, or bytes behind a
//! signature that no other protocol begins with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Both ends of what a line of version 1 may be, line end included.
const LONGEST_LINE: usize = 107;
const TEXT: &[u8] = b"PROXY ";

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const FIXED: usize = SIGNATURE.len() + 4;
/// What may follow the fixed part. Addresses and the extensions of today's balancers take some hundred.
const LONGEST_REST: usize = 4096;
const CHECKSUM: u8 = 3;

/// What stands at the beginning of these bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyReading {
    /// It may be one.
    Incomplete,
    /// Something else.
    Other,
    /// It began like one and went on otherwise.
    Malformed(&'static str),
    /// One of this length. `None`: it says nothing of a client, so the peer speaks for itself.
    Header { client: Option<SocketAddr>, length: usize },
}

/// Says the same of a beginning as of the whole, once it says anything but that it is incomplete.
pub fn read_proxy_header(bytes: &[u8]) -> ProxyReading {
    let begins = |with: &[u8]| bytes.starts_with(with) || with.starts_with(bytes);
    if begins(SIGNATURE) {
        return version_2(bytes);
    }
    if begins(TEXT) {
        return version_1(bytes);
    }
    ProxyReading::Other
}

fn version_1(bytes: &[u8]) -> ProxyReading {
    let Some(end) = bytes.iter().take(LONGEST_LINE).position(|&byte| byte == b'\n') else {
        let is_too_long = bytes.len() >= LONGEST_LINE;
        return if is_too_long { ProxyReading::Malformed("its line is too long") } else { ProxyReading::Incomplete };
    };
    let line = bytes[..end].strip_suffix(b"\r").and_then(|line| str::from_utf8(line).ok());
    let client = line.and_then(|line| client_of_line(line.strip_prefix("PROXY ")?));
    match client {
        Some(client) => ProxyReading::Header { client, length: end + 1 },
        None => ProxyReading::Malformed("its line is no header of version 1"),
    }
}

/// Protocol, two addresses, two ports, with one blank between them.
fn client_of_line(line: &str) -> Option<Option<SocketAddr>> {
    // Whatever follows is to be ignored.
    if line == "UNKNOWN" || line.starts_with("UNKNOWN ") {
        return Some(None);
    }
    let mut words = line.split(' ');
    let mut next = || words.next();
    let (protocol, [source, target], [port, target_port]) = (next()?, [next()?, next()?], [next()?, next()?]);
    if next().is_some() {
        return None;
    }
    let address = |text: &str| -> Option<IpAddr> {
        match protocol {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::from),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::from),
            _ => None,
        }
    };
    let (source, _, port, _) = (address(source)?, address(target)?, self::port(port)?, self::port(target_port)?);
    Some(Some(SocketAddr::new(source, port)))
}

/// Decimal, and no more digits than it takes.
fn port(text: &str) -> Option<u16> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| is_plain)
}

fn version_2(bytes: &[u8]) -> ProxyReading {
    let Some(fixed) = bytes.get(..FIXED) else { return ProxyReading::Incomplete };
    let rest = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if rest > LONGEST_REST {
        return ProxyReading::Malformed("it is too long");
    }
    let Some(whole) = bytes.get(..FIXED + rest) else { return ProxyReading::Incomplete };
    let (command, family) = (fixed[12], fixed[13]);
    let block = match family {
        0x00 => 0,
        0x11 => 12,
        0x21 => 36,
        0x31 => 216,
        _ => return ProxyReading::Malformed("it is of another protocol than TCP"),
    };
    let Some((addresses, extensions)) = whole[FIXED..].split_at_checked(block) else {
        return ProxyReading::Malformed("its addresses are cut off");
    };
    if let Err(wrong) = check_extensions(whole, extensions) {
        return ProxyReading::Malformed(wrong);
    }
    let client = match command {
        // The balancer itself, to see whether somebody is there.
        0x20 => None,
        0x21 => client_of_block(family, addresses),
        _ => return ProxyReading::Malformed("its version or command is not known"),
    };
    ProxyReading::Header { client, length: whole.len() }
}

/// Source, target, their ports. What came over a Unix socket or unspecified has none.
fn client_of_block(family: u8, block: &[u8]) -> Option<SocketAddr> {
    let port = |at: usize| Some(u16::from_be_bytes([*block.get(at)?, *block.get(at + 1)?]));
    match family {
        0x11 => Some(SocketAddr::new(Ipv4Addr::from(block.first_chunk::<4>().copied()?).into(), port(8)?)),
        0x21 => Some(SocketAddr::new(Ipv6Addr::from(block.first_chunk::<16>().copied()?).into(), port(32)?)),
        _ => None,
    }
}

/// Each with its type and length, and the checksum of the whole header where there is one.
fn check_extensions(whole: &[u8], mut rest: &[u8]) -> Result<(), &'static str> {
    while !rest.is_empty() {
        let [kind, high, low, behind @ ..] = rest else { return Err("its last extension is cut off") };
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((value, next)) = behind.split_at_checked(length) else {
            return Err("its last extension is cut off");
        };
        if *kind == CHECKSUM {
            let Ok(told) = <[u8; 4]>::try_from(value) else { return Err("its checksum is no checksum") };
            // Counted with zeros in its own place.
            let at = whole.len() - behind.len();
            let (before, after) = (&whole[..at], &whole[at + 4..]);
            if crc32c([before, &[0; 4], after]) != u32::from_be_bytes(told) {
                return Err("its checksum is wrong");
            }
        }
        rest = next;
    }
    Ok(())
}

/// CRC-32C, bit by bit: a connection has one header, and few of them a checksum.
fn crc32c(pieces: [&[u8]; 3]) -> u32 {
    let step = |crc: u32, _| (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
    !pieces.concat().iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), step))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proxy_header::{ProxiedAddress, ProxyHeader, Tlv};

    use super::*;

    fn header(client: Option<&str>, length: usize) -> ProxyReading {
        ProxyReading::Header { client: client.map(|client| client.parse().expect("an address")), length }
    }

    fn version_2_with(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).expect("short").to_be_bytes();
        [SIGNATURE, &[command, family], &length, rest].concat()
    }

    #[test]
    fn lines() {
        for (line, client) in [
            ("PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\r\n", Some("192.0.2.7:4711")),
            ("PROXY TCP6 2001:db8::7 fd00::1 0 65535\r\n", Some("[2001:db8::7]:0")),
            ("PROXY UNKNOWN\r\n", None),
            ("PROXY UNKNOWN ffff:f...f whatever 1\r\n", None),
        ] {
            assert_eq!(read_proxy_header(line.as_bytes()), header(client, line.len()), "{line}");
            assert_eq!(
                read_proxy_header([line.as_bytes(), b"GET / HTTP/1.1\r\n"].concat().as_slice()),
                header(client, line.len())
            );
        }
        for wrong in [
            "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443 \r\n",
            "PROXY TCP4  192.0.2.7 10.0.0.1 4711 443\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 4711\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 4711 443 1\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 +4711 443\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 04711 443\r\n",
            "PROXY TCP4 192.0.2.7 10.0.0.1 65536 443\r\n",
            "PROXY TCP4 192.0.2.07 10.0.0.1 1 1\r\n",
            "PROXY TCP4 ::1 ::1 1 1\r\n",
            "PROXY TCP6 192.0.2.7 10.0.0.1 1 1\r\n",
            "PROXY TCP6 fe80::1%1 ::1 1 1\r\n",
            "PROXY UDP4 192.0.2.7 10.0.0.1 1 1\r\n",
            "PROXY UNKNOWNS\r\n",
            "PROXY \r\n",
        ] {
            assert!(matches!(read_proxy_header(wrong.as_bytes()), ProxyReading::Malformed(_)), "{wrong}");
        }
        assert!(matches!(read_proxy_header("PROXY TCP4 ".repeat(10).as_bytes()), ProxyReading::Malformed(_)));
        for other in ["GET / HTTP/1.1\r\n", "PRI * HTTP/2.0\r\n", "PROXYTCP4", "\r\nGET", "\x16\x03\x01", "proxy "] {
            assert_eq!(read_proxy_header(other.as_bytes()), ProxyReading::Other, "{other}");
        }
    }

    #[test]
    fn bytes() {
        let tcp4 = [192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 1, 187];
        let whole = version_2_with(0x21, 0x11, &tcp4);
        assert_eq!(read_proxy_header(&whole), header(Some("192.0.2.7:4711"), 28));
        for (command, family, rest) in
            [(0x20, 0x00, &[][..]), (0x20, 0x11, &tcp4[..]), (0x21, 0x00, &[4, 0, 1, 0]), (0x21, 0x31, &[b'/'; 216])]
        {
            assert_eq!(read_proxy_header(&version_2_with(command, family, rest)), header(None, FIXED + rest.len()));
        }
        for (command, family, rest) in [
            (0x11, 0x11, &tcp4[..]),
            (0x22, 0x11, &tcp4),
            (0x21, 0x12, &tcp4),
            (0x21, 0x41, &tcp4),
            (0x21, 0x11, &tcp4[..11]),
            (0x21, 0x21, &tcp4),
            (0x21, 0x00, &[4, 0]),
            (0x21, 0x00, &[4, 0, 2, 0]),
            (0x21, 0x00, &[CHECKSUM, 0, 4, 0, 0, 0, 0]),
            (0x21, 0x00, &[CHECKSUM, 0, 3, 0, 0, 0]),
            (0x21, 0x00, &[0; LONGEST_REST + 1]),
        ] {
            let bytes = version_2_with(command, family, rest);
            assert!(matches!(read_proxy_header(&bytes), ProxyReading::Malformed(_)), "{command:x} {family:x} {rest:?}");
        }
    }

    /// The check value of CRC-32C, as catalogues of checksums have it.
    #[test]
    fn checksums() {
        assert_eq!(crc32c([b"1234", b"56789", b""]), 0xe306_9283);
        let rest =
            [&[192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x67, 1, 187][..], &[CHECKSUM, 0, 4, 0, 0, 0, 0, 4, 0, 0]].concat();
        let mut bytes = version_2_with(0x21, 0x11, &rest);
        let crc = crc32c([&bytes, b"", b""]).to_be_bytes();
        bytes[FIXED + 15..FIXED + 19].copy_from_slice(&crc);
        assert_eq!(read_proxy_header(&bytes), header(Some("192.0.2.7:4711"), bytes.len()));
        bytes[FIXED] ^= 1;
        assert_eq!(read_proxy_header(&bytes), ProxyReading::Malformed("its checksum is wrong"));
    }

    proptest! {
        /// Against somebody else's writer, whole, cut anywhere, and with more behind it.
        #[test]
        fn what_others_write_is_read(
            source in any::<SocketAddr>(),
            target in any::<SocketAddr>(),
            version in 1..=2,
            extension in proptest::collection::vec(any::<u8>(), 0..100),
            behind in proptest::collection::vec(any::<u8>(), 0..10),
        ) {
            prop_assume!(source.is_ipv4() == target.is_ipv4());
            let plain = |address: SocketAddr| SocketAddr::new(address.ip(), address.port());
            let mut written = ProxyHeader::with_address(ProxiedAddress::stream(plain(source), plain(target)));
            let mut bytes = [0; 1024];
            let length = if version == 1 {
                written.encode_to_slice_v1(&mut bytes)
            } else {
                written.append_tlv(Tlv::UniqueId(extension.into()));
                written.encode_to_slice_v2(&mut bytes)
            };
            let length = length.expect("room enough");
            let expected = ProxyReading::Header { client: Some(plain(source)), length };
            prop_assert_eq!(read_proxy_header(&[&bytes[..length], &behind].concat()), expected);
            for cut in 0..length {
                prop_assert_eq!(read_proxy_header(&bytes[..cut]), ProxyReading::Incomplete, "{}", cut);
            }
        }

        #[test]
        fn nothing_panics_or_is_longer_than_it_is(
            start in prop_oneof![Just(SIGNATURE.to_vec()), Just(TEXT.to_vec()), Just(Vec::new())],
            bytes in proptest::collection::vec(any::<u8>(), 0..300),
        ) {
            let bytes = [start, bytes].concat();
            if let ProxyReading::Header { length, .. } = read_proxy_header(&bytes) {
                prop_assert!(length <= bytes.len());
            }
        }
    }
}

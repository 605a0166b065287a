//! Which addresses may be connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where an address leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Somewhere on the Internet.
    Public,
    /// This machine, or a network of somebody's own: only where that is wanted.
    Private,
    /// Where no service answers that anybody would name: the metadata services of clouds, multicast, what is
    /// reserved. Never.
    Never,
}

pub(super) fn reach(address: IpAddr) -> Reach {
    match address.to_canonical() {
        IpAddr::V4(address) => reach_v4(address),
        IpAddr::V6(address) => reach_v6(address),
    }
}

fn reach_v4(address: Ipv4Addr) -> Reach {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        // Link-local holds 169.254.169.254, which gives every process of a machine its credentials.
        (169, 254, _) | (0, _, _) | (224..=255, _, _) => Reach::Never,
        // Alibaba's metadata service, and Oracle's, and the anycast relays of 6to4.
        (100, 100, 100) | (192, 0, 0) | (192, 88, 99) => Reach::Never,
        (10 | 127, _, _) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) | (198, 18 | 19, _) => Reach::Private,
        // Documentation: nobody's, and so somebody's own if anything answers.
        (192, 0, 2) | (198, 51, 100) | (203, 0, 113) => Reach::Private,
        _ => Reach::Public,
    }
}

fn reach_v6(address: Ipv6Addr) -> Reach {
    let segments = address.segments();
    // The metadata service of AWS over IPv6, and of Google.
    if [[0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x0254], [0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x0254]].contains(&segments) {
        return Reach::Never;
    }
    match segments {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Private,
        [0xfc00..=0xfdff, ..] => Reach::Private,
        // IPv4 in other clothes: NAT64 and 6to4 lead wherever the address inside does.
        [0x0064, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => embedded(high, low),
        [0x2001, 0x0db8, ..] => Reach::Private,
        // Teredo and the other protocols of 2001::/23 are tunnels.
        [0x2001, 0..=0x01ff, ..] => Reach::Never,
        // The rest of what is in use on the Internet is 2000::/3.
        [0x2000..=0x3fff, ..] => Reach::Public,
        _ => Reach::Never,
    }
}

fn embedded(high: u16, low: u16) -> Reach {
    reach_v4(Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inside_is_told_from_outside_in_every_spelling() {
        let cases = [
            ("93.184.216.34", Reach::Public),
            ("2606:4700::1111", Reach::Public),
            ("127.0.0.1", Reach::Private),
            ("127.9.9.9", Reach::Private),
            ("10.0.0.1", Reach::Private),
            ("172.16.0.1", Reach::Private),
            ("172.31.255.255", Reach::Private),
            ("172.32.0.1", Reach::Public),
            ("192.168.1.1", Reach::Private),
            ("100.64.0.1", Reach::Private),
            ("::1", Reach::Private),
            ("fd12:3456::1", Reach::Private),
            ("::ffff:127.0.0.1", Reach::Private),
            ("::ffff:10.1.2.3", Reach::Private),
            ("64:ff9b::7f00:1", Reach::Private),
            ("2002:7f00:1::", Reach::Private),
            ("169.254.169.254", Reach::Never),
            ("::ffff:169.254.169.254", Reach::Never),
            ("64:ff9b::a9fe:a9fe", Reach::Never),
            ("2002:a9fe:a9fe::1", Reach::Never),
            ("100.100.100.200", Reach::Never),
            ("fd00:ec2::254", Reach::Never),
            ("fe80::1", Reach::Never),
            ("ff02::1", Reach::Never),
            ("::", Reach::Never),
            ("0.0.0.0", Reach::Never),
            ("255.255.255.255", Reach::Never),
            ("224.0.0.1", Reach::Never),
            ("2001::1", Reach::Never),
            ("::7f00:1", Reach::Never),
        ];
        for (text, expected) in cases {
            assert_eq!(reach(text.parse().expect("an address")), expected, "{text}");
        }
    }
}

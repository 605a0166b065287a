//! `[listen.public]`, `[listen.admin]`: addresses and TLS, and what the two may not be together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::pattern;
use super::problem::Place;
use super::secret::Surroundings;
use super::settings::{ListenAddress, Listener, ProxyProtocol, Trusted};
use super::socket;
use super::table::{Located, Mistake, Reader};
use super::tls;
use super::tree::{Node, Value};
use super::value;

const ADMIN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

const PROXY_PROTOCOL: &[(&str, ProxyProtocol)] =
    &[("off", ProxyProtocol::Off), ("optional", ProxyProtocol::Optional), ("required", ProxyProtocol::Required)];

const ADDRESS_HELP: &str =
    "write an IP address and a port, such as \"0.0.0.0:8080\" or \"[::1]:8080\", or \"unix:\" and the path of a socket";

/// What `[listen]` comes to.
pub(super) struct Listeners {
    pub(super) public: Listener,
    pub(super) admin: Listener,
    pub(super) admin_hosts: Vec<String>,
}

/// `trusted`: the proxies that are; `None` where that could not be read.
pub(super) fn read(root: &mut Reader<'_>, around: &Surroundings<'_>, trusted: Option<&Trusted>) -> Option<Listeners> {
    let mut listen = root.section("listen")?;
    let public = public(&mut listen, around, trusted);
    let admin = admin(&mut listen, around, trusted);
    listen.finish();
    let (public, (admin, admin_hosts)) = (public?, admin?);
    if overlap(&public.value.address, &admin.value.address) {
        let findings = root.findings();
        let (what, help) = match public.value.address {
            ListenAddress::Tcp(_) => ("port of the same address", "give `listen.admin.address` another port"),
            ListenAddress::Unix { .. } => ("path", "give `listen.admin.address` another path"),
        };
        let message = format!(
            "the admin listener ({}) and the public listener ({}) want the same {what}",
            admin.value.address, public.value.address
        );
        // The admin listener's address may be the default, which stands nowhere.
        let place = if admin.place == Place::File { &public.place } else { &admin.place };
        findings.report(place, message, help);
        return None;
    }
    Some(Listeners { public: public.value, admin: admin.value, admin_hosts })
}

fn public(listen: &mut Reader<'_>, around: &Surroundings<'_>, trusted: Option<&Trusted>) -> Option<Located<Listener>> {
    if listen.node("public").is_none() {
        let help = "write `[listen.public]` and below it `address = \"0.0.0.0:8080\"`";
        listen.findings().report_absence(listen.place(), "`[listen.public]` is missing", help);
        return None;
    }
    let mut table = listen.section("public")?;
    let address = table.required("address", ADDRESS_HELP, |node| address(node, around));
    let mode = mode(&mut table, address.as_ref().map(|address| &address.value));
    let tls = tls::listener(&mut table, around);
    let proxy_protocol = proxy_protocol(&mut table, address.as_ref().map(|address| &address.value), trusted);
    table.finish();
    let Located { value: address, place } = address?;
    let address = with_mode(address, mode?);
    Some(Located { value: Listener { address, tls: tls?, proxy_protocol: proxy_protocol? }, place })
}

/// With the names that it answers under.
fn admin(
    listen: &mut Reader<'_>,
    around: &Surroundings<'_>,
    trusted: Option<&Trusted>,
) -> Option<(Located<Listener>, Vec<String>)> {
    let mut table = listen.section("admin")?;
    let address = table.field("address", |node| address(node, around));
    let default = ListenAddress::Tcp(ADMIN_DEFAULT);
    let told = address.as_good().map_or(&default, |address| &address.value);
    let mode = mode(&mut table, Some(told));
    let tls = tls::listener(&mut table, around);
    let proxy_protocol = proxy_protocol(&mut table, Some(told), trusted);
    let insecure = table.field("insecure", value::boolean).or(false);
    let hosts = table.field("hosts", hosts).or(Vec::new());
    let place = address.as_good().map_or_else(|| table.place().clone(), |located| located.place.clone());
    let address = address.or(default);
    let findings = table.findings();
    table.finish();
    let (address, tls, insecure, hosts) = (with_mode(address?, mode?), tls?, insecure?, hosts?);
    if tls.as_ref().and_then(|tls| tls.clients.as_ref()).is_some_and(|clients| clients.required) {
        findings.warn(
            "`listen.admin.tls.client_auth` is \"required\": the command line and `keygate healthcheck` have no certificate \
             to show, and do not get through",
        );
    }
    if proxy_protocol == Some(ProxyProtocol::Required) {
        findings.warn(
            "`listen.admin.proxy_protocol` is \"required\": the command line and `keygate healthcheck` do not get \
             through, unless by a trusted proxy that announces them",
        );
    }
    if matches!(address, ListenAddress::Unix { .. }) && tls.is_some() {
        let help = "remove `tls`: nothing of a Unix socket leaves this machine";
        findings.report(&place, "the command line speaks no TLS over a Unix socket", help);
        return None;
    }
    let stays_here = match address {
        ListenAddress::Tcp(address) => address.ip().to_canonical().is_loopback(),
        ListenAddress::Unix { .. } => true,
    };
    if !stays_here && tls.is_none() {
        let message = format!("the admin listener would send tokens over the network in plain text ({address})");
        if !insecure {
            let help = "use 127.0.0.1, or add `tls = { certificate = \"…\", key = \"…\" }`, or write `insecure = true` if the network is trusted";
            findings.report(&place, message, help);
            return None;
        }
        findings.warn(format!("{message}: allowed by `listen.admin.insecure`"));
    }
    Some((Located { value: Listener { address, tls, proxy_protocol: proxy_protocol? }, place }, hosts))
}

fn hosts(node: &Node) -> Result<Vec<String>, Mistake> {
    let help = "write names without ports, such as [\"keygate.internal\"]; addresses and localhost are always good";
    let Value::Array(items) = &node.value else {
        return Err(Mistake::of_type(node, "a list of strings", help));
    };
    let host = |item: &Node| {
        let host =
            pattern::host(item).map_err(|mistake| Mistake::new(format!("has an item that {}", mistake.what), help));
        host.map(|host| host.trim_end_matches('.').to_owned())
    };
    items.iter().map(host).collect()
}

/// Only trusted proxies are heard, so without any it means nothing, or that nobody is served.
fn proxy_protocol(
    table: &mut Reader<'_>,
    address: Option<&ListenAddress>,
    trusted: Option<&Trusted>,
) -> Option<ProxyProtocol> {
    let is_unix = matches!(address, Some(ListenAddress::Unix { .. }));
    // A list with a mistake in it was meant to have somebody in it.
    let trusts_somebody = trusted.is_none_or(|trusted| if is_unix { trusted.unix } else { trusted.has_somebody() });
    let field = table.field("proxy_protocol", value::choice(PROXY_PROTOCOL));
    if let Some(Located { value: ProxyProtocol::Optional | ProxyProtocol::Required, place }) = field.as_good()
        && !trusts_somebody
    {
        let message = format!("`{}` is for trusted proxies, and there are none", table.name_of("proxy_protocol"));
        let help = match is_unix {
            true => "have \"unix\" in `forwarding.trusted_proxies`",
            false => "name them in `forwarding.trusted_proxies`, such as `[\"10.0.0.0/8\"]`",
        };
        table.findings().report(place, message, help);
    }
    field.or(ProxyProtocol::Off)
}

fn address(node: &Node, around: &Surroundings<'_>) -> Result<ListenAddress, Mistake> {
    let text = node.as_text().ok_or_else(|| Mistake::of_type(node, "a string", ADDRESS_HELP))?;
    if let Some(path) = socket::path(text, around) {
        return Ok(ListenAddress::Unix { path: path?, mode: socket::MODE });
    }
    text.parse().map(ListenAddress::Tcp).map_err(|_| Mistake::new("is no address with a port", ADDRESS_HELP))
}

/// What the file of a socket lets connect. `None`: reported.
fn mode(table: &mut Reader<'_>, address: Option<&ListenAddress>) -> Option<u32> {
    let field = table.field("mode", socket::mode);
    if let (Some(Located { place, .. }), Some(ListenAddress::Tcp(_))) = (field.as_good(), address) {
        let message = format!("`{}` is of a Unix socket's file, and the address is none", table.name_of("mode"));
        table.findings().report(
            place,
            message,
            "remove `mode`, or write an address such as \"unix:/run/keygate.sock\"",
        );
        return None;
    }
    field.or(socket::MODE)
}

fn with_mode(address: ListenAddress, mode: u32) -> ListenAddress {
    match address {
        ListenAddress::Unix { path, .. } => ListenAddress::Unix { path, mode },
        tcp @ ListenAddress::Tcp(_) => tcp,
    }
}

/// Whether one would take the other's connections, or keep it from being bound.
fn overlap(one: &ListenAddress, other: &ListenAddress) -> bool {
    match (one, other) {
        (ListenAddress::Tcp(one), ListenAddress::Tcp(other)) => ports_overlap(*one, *other),
        (ListenAddress::Unix { path: one, .. }, ListenAddress::Unix { path: other, .. }) => one == other,
        _ => false,
    }
}

/// Port 0 never does: the system picks a free one.
fn ports_overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port() && one.port() != 0 && (a == b || a.is_unspecified() || b.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_addresses() {
        let overlap = |a: &str, b: &str| ports_overlap(a.parse().expect("address"), b.parse().expect("address"));
        assert!(overlap("127.0.0.1:80", "127.0.0.1:80"));
        assert!(overlap("0.0.0.0:80", "127.0.0.1:80"));
        assert!(overlap("[::]:80", "127.0.0.1:80"));
        assert!(!overlap("127.0.0.1:0", "127.0.0.1:0"));
        assert!(!overlap("127.0.0.1:80", "127.0.0.1:81"));
        assert!(!overlap("127.0.0.1:80", "127.0.0.2:80"));
    }
}

//! `[listen.public]`, `[listen.admin]`: addresses and TLS, and what the two may not be together.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::pattern;
use super::problem::Place;
use super::secret::Surroundings;
use super::settings::{Listener, ProxyProtocol};
use super::table::{Located, Mistake, Reader};
use super::tls;
use super::tree::{Node, Value};
use super::value;

const ADMIN_DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 9901);

const PROXY_PROTOCOL: &[(&str, ProxyProtocol)] =
    &[("off", ProxyProtocol::Off), ("optional", ProxyProtocol::Optional), ("required", ProxyProtocol::Required)];

const ADDRESS_HELP: &str = "write an IP address and a port, such as \"0.0.0.0:8080\" or \"[::1]:8080\"";

/// What `[listen]` comes to.
pub(super) struct Listeners {
    pub(super) public: Listener,
    pub(super) admin: Listener,
    pub(super) admin_hosts: Vec<String>,
}

/// `trusts_somebody`: whether any proxy is trusted.
pub(super) fn read(root: &mut Reader<'_>, around: &Surroundings<'_>, trusts_somebody: bool) -> Option<Listeners> {
    let mut listen = root.section("listen")?;
    let public = public(&mut listen, around, trusts_somebody);
    let admin = admin(&mut listen, around, trusts_somebody);
    listen.finish();
    let (public, (admin, admin_hosts)) = (public?, admin?);
    if overlap(public.value.address, admin.value.address) {
        let findings = root.findings();
        let message = format!(
            "the admin listener ({}) and the public listener ({}) want the same port of the same address",
            admin.value.address, public.value.address
        );
        // The admin listener's address may be the default, which stands nowhere.
        let place = if admin.place == Place::File { &public.place } else { &admin.place };
        findings.report(place, message, "give `listen.admin.address` another port");
        return None;
    }
    Some(Listeners { public: public.value, admin: admin.value, admin_hosts })
}

fn public(listen: &mut Reader<'_>, around: &Surroundings<'_>, trusts_somebody: bool) -> Option<Located<Listener>> {
    if listen.node("public").is_none() {
        let help = "write `[listen.public]` and below it `address = \"0.0.0.0:8080\"`";
        listen.findings().report_absence(listen.place(), "`[listen.public]` is missing", help);
        return None;
    }
    let mut table = listen.section("public")?;
    let address = table.required("address", ADDRESS_HELP, address);
    let tls = tls::listener(&mut table, around);
    let proxy_protocol = proxy_protocol(&mut table, trusts_somebody);
    table.finish();
    let Located { value: address, place } = address?;
    Some(Located { value: Listener { address, tls: tls?, proxy_protocol: proxy_protocol? }, place })
}

/// With the names that it answers under.
fn admin(
    listen: &mut Reader<'_>,
    around: &Surroundings<'_>,
    trusts_somebody: bool,
) -> Option<(Located<Listener>, Vec<String>)> {
    let mut table = listen.section("admin")?;
    let address = table.field("address", address);
    let tls = tls::listener(&mut table, around);
    let proxy_protocol = proxy_protocol(&mut table, trusts_somebody);
    let insecure = table.field("insecure", value::boolean).or(false);
    let hosts = table.field("hosts", hosts).or(Vec::new());
    let place = address.as_good().map_or_else(|| table.place().clone(), |located| located.place.clone());
    let address = address.or(ADMIN_DEFAULT);
    let findings = table.findings();
    table.finish();
    let (address, tls, insecure, hosts) = (address?, tls?, insecure?, hosts?);
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
    if !address.ip().to_canonical().is_loopback() && tls.is_none() {
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
fn proxy_protocol(table: &mut Reader<'_>, trusts_somebody: bool) -> Option<ProxyProtocol> {
    let field = table.field("proxy_protocol", value::choice(PROXY_PROTOCOL));
    if let Some(Located { value: ProxyProtocol::Optional | ProxyProtocol::Required, place }) = field.as_good()
        && !trusts_somebody
    {
        let message = format!("`{}` is for trusted proxies, and there are none", table.name_of("proxy_protocol"));
        let help = "name them in `forwarding.trusted_proxies`, such as `[\"10.0.0.0/8\"]`";
        table.findings().report(place, message, help);
    }
    field.or(ProxyProtocol::Off)
}

fn address(node: &Node) -> Result<SocketAddr, Mistake> {
    let text = node.as_text().ok_or_else(|| Mistake::of_type(node, "a string", ADDRESS_HELP))?;
    text.parse().map_err(|_| Mistake::new("is no address with a port", ADDRESS_HELP))
}

/// Whether one would take the other's connections, or keep it from being bound. Port 0 never does: the
/// system picks a free one.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    let (a, b) = (one.ip().to_canonical(), other.ip().to_canonical());
    one.port() == other.port() && one.port() != 0 && (a == b || a.is_unspecified() || b.is_unspecified())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overlapping_addresses() {
        let overlap = |a: &str, b: &str| overlap(a.parse().expect("address"), b.parse().expect("address"));
        assert!(overlap("127.0.0.1:80", "127.0.0.1:80"));
        assert!(overlap("0.0.0.0:80", "127.0.0.1:80"));
        assert!(overlap("[::]:80", "127.0.0.1:80"));
        assert!(!overlap("127.0.0.1:0", "127.0.0.1:0"));
        assert!(!overlap("127.0.0.1:80", "127.0.0.1:81"));
        assert!(!overlap("127.0.0.1:80", "127.0.0.2:80"));
    }
}

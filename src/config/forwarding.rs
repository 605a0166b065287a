//! `[forwarding]`: whom to believe about where a request comes from, and what upstreams are told of it.

use ipnet::IpNet;

use super::settings::{Emit, Forwarding, Trusted, TrustedHeader, Via};
use super::table::{Located, Mistake, Reader};
use super::tree::{Node, Value};
use super::value;

const HEADERS: &[(&str, TrustedHeader)] =
    &[("x-forwarded", TrustedHeader::XForwarded), ("forwarded", TrustedHeader::Forwarded)];

const EMITS: &[(&str, Emit)] =
    &[("x-forwarded", Emit::XForwarded), ("forwarded", Emit::Forwarded), ("both", Emit::Both), ("none", Emit::Nothing)];

const NETWORKS_HELP: &str =
    "write a list of addresses and networks, such as `[\"10.0.0.7\", \"fd00::/8\"]`, or \"unix\" among them";

pub(super) fn read(root: &mut Reader<'_>) -> Option<Forwarding> {
    let mut table = root.section("forwarding")?;
    let trusted = table.field("trusted_proxies", trusted);
    let header = table.field("trusted_header", value::choice(HEADERS));
    let emit = table.field("emit", value::choice(EMITS)).or(Emit::XForwarded);
    let via = table.field("via", via).or(Via::Made);
    let trusts_nobody = trusted.as_good().map_or(!table.has("trusted_proxies"), |good| !good.value.has_somebody());
    if let (Some(Located { place, .. }), true) = (header.as_good(), trusts_nobody) {
        let message = "`forwarding.trusted_header` is never read: no proxy is trusted";
        table.findings().report(place, message, "name your proxies in `trusted_proxies`, or remove `trusted_header`");
    }
    let findings = table.findings();
    table.finish();
    let trusted_proxies = trusted.or(Trusted::default())?;
    for network in trusted_proxies.networks.iter().filter(|network| network.prefix_len() == 0) {
        findings.warn(format!(
            "`forwarding.trusted_proxies` has {network}: every client is believed whatever it says of where it comes from"
        ));
    }
    Some(Forwarding { trusted_proxies, trusted_header: header.or(TrustedHeader::XForwarded)?, emit: emit?, via: via? })
}

/// Stands in `Via`, which has no quotes.
fn via(node: &Node) -> Result<Via, Mistake> {
    let name = value::text(node)?;
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    match name.as_str() {
        "off" => Ok(Via::Off),
        _ if (1..=64).contains(&name.len()) && name.bytes().all(is_token) => Ok(Via::Named(name)),
        _ => {
            let help = "write 1 to 64 of a-z, A-Z, 0-9, `-`, `.`, `_` and `~`, such as \"edge-1\"; or write \"off\"";
            Err(Mistake::new("cannot stand in a Via header", help))
        }
    }
}

impl Trusted {
    pub(super) fn has_somebody(&self) -> bool {
        self.unix || !self.networks.is_empty()
    }
}

fn trusted(node: &Node) -> Result<Trusted, Mistake> {
    let Value::Array(items) = &node.value else { return Err(Mistake::of_type(node, "a list", NETWORKS_HELP)) };
    let (unix, networks): (Vec<_>, Vec<_>) = items.iter().partition(|item| item.as_text() == Some("unix"));
    let networks = networks.into_iter().map(network).collect::<Result<_, _>>()?;
    Ok(Trusted { networks, unix: !unix.is_empty() })
}

fn network(item: &Node) -> Result<IpNet, Mistake> {
    let text = item
        .as_text()
        .ok_or_else(|| Mistake::new(format!("must have texts alone in it, not {}", item.type_name()), NETWORKS_HELP))?;
    if let Ok(address) = text.parse::<std::net::IpAddr>() {
        return Ok(address.to_canonical().into());
    }
    let network: IpNet = text
        .parse()
        .map_err(|_| Mistake::new(format!("has `{text}`, which is no address and no network"), NETWORKS_HELP))?;
    if network != network.trunc() {
        let help = format!("write \"{}\", or \"{}\" for the one address", network.trunc(), network.addr());
        return Err(Mistake::new(format!("has `{text}`, which has bits behind its length"), help));
    }
    // Connections are compared in the short form.
    match network {
        IpNet::V6(mapped) if mapped.addr().to_ipv4_mapped().is_some() && mapped.prefix_len() > 0 => {
            let help = "write IPv4 networks in their own form, such as \"10.0.0.0/8\"";
            Err(Mistake::new(format!("has `{text}`, which maps IPv4 addresses"), help))
        }
        network => Ok(network),
    }
}

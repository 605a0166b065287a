//! `tls = { … }` of a listener.

use super::authorities::{authorities, client_verifier, revocations, run_out};
use super::{Identity, identity, now, pair, path, shown};
use crate::config::secret::Surroundings;
use crate::config::settings::{CertificateFiles, ClientCertificates, ListenerTls};
use crate::config::table::{Located, Mistake, Reader};
use crate::config::tree::Value;
use crate::config::value;

const CLIENT_AUTH: &[(&str, Option<bool>)] = &[("off", None), ("optional", Some(false)), ("required", Some(true))];

/// `None`: reported; `Some(None)`: plain text.
pub(in crate::config) fn read(listener: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<Option<ListenerTls>> {
    let Some(node) = listener.node("tls") else { return Some(None) };
    let mut table = listener.table_in("tls", node)?;
    let default = pair(&mut table, around, ("certificate", "key"));
    let others = others(&mut table, around);
    let clients = clients(&mut table, around);
    let findings = table.findings();
    table.finish();
    let (default, others) = (default?, others?);
    let all: Vec<&Located<(CertificateFiles, Identity)>> = std::iter::once(&default).chain(&others).collect();
    let identities: Vec<&Identity> = all.iter().map(|located| &located.value.1).collect();
    if let Some((first, second, name)) = identity::conflict(&identities) {
        let line = findings.where_is(&all[first].place);
        let message = format!("two certificates of the listener are for `{name}`: this one, and that of {line}");
        let help = "leave one of the two out: which of them a client is shown must not be left to chance";
        findings.report(&all[second].place, message, help);
        return None;
    }
    let others = others.into_iter().map(|located| located.value.0).collect();
    Some(Some(ListenerTls { default: default.value.0, others, clients: clients? }))
}

/// `[[….tls.certificates]]`. `None`: reported.
fn others(table: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<Vec<Located<(CertificateFiles, Identity)>>> {
    let is_list = table.node("certificates").is_none_or(|node| matches!(node.value, Value::Array(_)));
    let mut all = Vec::new();
    let mut is_whole = is_list;
    for mut entry in table.tables("certificates") {
        let read = pair(&mut entry, around, ("certificate", "key"));
        let findings = entry.findings();
        entry.finish();
        match read {
            Some(located) if located.value.1.names.is_empty() => {
                let path = shown(&located.value.0.certificate);
                let message = format!("the certificate ({path}) names no host, so no client could ask for it");
                let help = "use one with a DNS name among its subject alternative names, or make it the listener's own";
                findings.report(&located.place, message, help);
                is_whole = false;
            }
            Some(located) => all.push(located),
            None => is_whole = false,
        }
    }
    is_whole.then_some(all)
}

/// `None`: reported.
fn clients(table: &mut Reader<'_>, around: &Surroundings<'_>) -> Option<Option<ClientCertificates>> {
    let auth = table.field("client_auth", value::choice(CLIENT_AUTH)).or(None);
    let ca = table.field("client_ca", |node| {
        let path = path(node, around)?;
        Ok((authorities(&path)?, path))
    });
    let crl = table.field("client_crl", |node| {
        let path = path(node, around)?;
        Ok((revocations(&path)?, path))
    });
    let Some(required) = auth? else {
        for key in ["client_ca", "client_crl"] {
            if let Some(node) = table.node(key) {
                let help = "write `client_auth = \"required\"` or `\"optional\"`, or remove it";
                table.mistake(
                    key,
                    node,
                    Mistake::new("means nothing where no client is asked for a certificate", help),
                );
            }
        }
        return (ca.optional().is_some() && crl.optional().is_some()).then_some(None);
    };
    if table.node("client_ca").is_none() {
        table.missing("client_ca", "name the PEM file of the authorities that sign the clients' certificates");
    }
    let (ca, crl) = (ca.good()?, crl.optional()?);
    let (lists, crl) = crl.map_or((Vec::new(), None), |(lists, path)| (lists, Some(path)));
    if let (Some(end), Some(path)) = (run_out(&lists), &crl)
        && end.millis() < now().millis()
    {
        let (name, path) = (table.name_of("client_crl"), shown(path));
        let ended = format!("a list of `{name}` ({path}) has run out at {end}: no client that it is about is accepted");
        table.findings().warn(ended);
    }
    let (roots, ca_path) = ca.value;
    match client_verifier(roots, lists, required) {
        Ok(_) => Some(Some(ClientCertificates { required, ca: ca_path, crl })),
        Err(mistake) => {
            let name = table.name_of("client_ca");
            table.findings().report(&ca.place, format!("`{name}` {}", mistake.what), mistake.help);
            None
        }
    }
}

//! Which routes cannot be there together: found by building the router that requests will be matched with.

use std::collections::{BTreeMap, BTreeSet};

use matchit::{InsertError, Router};

use super::problem::{Findings, Place};
use super::settings::MethodName;
use super::table::Located;

/// What one route wants to answer to.
pub(super) struct Claim<'a> {
    pub host: Option<&'a str>,
    pub path: &'a Located<String>,
    pub methods: BTreeSet<MethodName>,
}

#[derive(Default)]
pub(super) struct Conflicts {
    hosts: BTreeMap<Option<String>, Host>,
}

/// The claims of one host, by path pattern.
#[derive(Default)]
struct Host {
    router: Router<()>,
    claims: BTreeMap<String, Vec<(BTreeSet<MethodName>, Place)>>,
}

impl Conflicts {
    /// Adds a claim that stands; reports one that does not.
    pub fn claim(&mut self, claim: &Claim<'_>, findings: &Findings) {
        let host = self.hosts.entry(claim.host.map(str::to_owned)).or_default();
        let path = &claim.path.value;
        match host.claims.get_mut(path) {
            Some(earlier) => match earlier.iter().find(|(methods, _)| !methods.is_disjoint(&claim.methods)) {
                Some((methods, first)) => report_duplicate(claim, methods, first, findings),
                None => earlier.push((claim.methods.clone(), claim.path.place.clone())),
            },
            None => match host.router.insert(path.as_str(), ()) {
                Ok(()) => {
                    host.claims.insert(path.clone(), vec![(claim.methods.clone(), claim.path.place.clone())]);
                }
                Err(InsertError::Conflict { with }) => host.report_conflict(claim, &with, findings),
                // Every other error is of the pattern alone, and its reader has reported it.
                Err(_) => {}
            },
        }
    }
}

impl Host {
    fn report_conflict(&self, claim: &Claim<'_>, with: &str, findings: &Findings) {
        let first = self.claims.get(with).and_then(|claims| claims.first());
        let seen = first.map(|(_, place)| format!(" ({})", findings.where_is(place))).unwrap_or_default();
        let message = format!(
            "the path `{}` conflicts with `{with}`{seen}: which of them a request means could not be told",
            claim.path.value
        );
        let help = "use the same parameter names for the same place, or make the paths different";
        findings.report(&claim.path.place, message, help);
    }
}

fn report_duplicate(claim: &Claim<'_>, earlier: &BTreeSet<MethodName>, first: &Place, findings: &Findings) {
    let shared: Vec<_> = earlier.intersection(&claim.methods).map(|name| name.0.as_str()).collect();
    let message = format!(
        "there is another route with the path `{}` for {} ({})",
        claim.path.value,
        shared.join(", "),
        findings.where_is(first)
    );
    let help = "remove one of the two, or give them different `methods` or `host`";
    findings.report(&claim.path.place, message, help);
}

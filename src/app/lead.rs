//! Where a request would lead by the configuration alone, without a gateway.

use http::Method;

use super::parts;
use crate::config::Settings;
use crate::proxy;
use crate::route::Leads;

/// Where it leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lead {
    Public { route: String, upstream: String },
    Protected { route: String, upstream: String, resource: String, action: &'static str },
    Refused { status: u16, because: String },
}

/// `host`: as in the request's `Host`.
pub fn lead(settings: &Settings, host: &str, path: &str, method: &Method) -> Result<Lead, String> {
    let (found, upstream) =
        proxy::lead(parts::routes(settings), host, path, method).map_err(|error| error.to_string())?;
    let upstream = upstream.and_then(|at| settings.upstreams.get(at)).map(|it| it.name.clone()).unwrap_or_default();
    Ok(match found {
        Leads::To(view) => match view.needs {
            None => Lead::Public { route: view.name, upstream },
            Some((resource, action)) => {
                Lead::Protected { route: view.name, upstream, resource: resource.to_string(), action: action.name() }
            }
        },
        Leads::OtherMethods(allowed) => {
            let names: Vec<_> = allowed.iter().map(Method::as_str).collect();
            Lead::Refused { status: 405, because: format!("the path takes {}", names.join(", ")) }
        }
        Leads::Nowhere => Lead::Refused { status: 404, because: "no route leads there".to_owned() },
        Leads::BadPath(fault) => Lead::Refused { status: 400, because: fault.text().to_owned() },
    })
}

//! What must hold of parsers of ours for any bytes whatever.
//!
//! Each check is the body of a fuzz target of the same name, and is run by `tests/it/fuzz.rs` as well, with
//! the seeds and with what becomes of them by chance. It panics where something is wrong. Where there is
//! another reader of the same bytes, the two are compared.

mod answers;
mod credentials;
mod files;
mod origins;
mod requests;
mod routes;

pub use answers::answer;
pub use credentials::{credential, selector, token};
pub use files::{configuration, exchange, import};
pub use origins::{forwarded, proxy_protocol};
pub use requests::{head, parameters, path};
pub use routes::routes;

/// Panics where something is wrong.
pub type Check = fn(&[u8]);

/// By the name of the target and of its directory of seeds.
pub const CHECKS: [(&str, Check); 13] = [
    ("token", token),
    ("credential", credential),
    ("head", head),
    ("path", path),
    ("routes", routes),
    ("parameters", parameters),
    ("selector", selector),
    ("configuration", configuration),
    ("exchange", exchange),
    ("import", import),
    ("forwarded", forwarded),
    ("proxy_protocol", proxy_protocol),
    ("answer", answer),
];

//! Which route a request takes, found from host, path and method alone.
//!
//! Pure: knows patterns, and nothing of tokens, upstreams or connections. A route is an index here;
//! what it means is kept by whoever built the table.

mod action;
mod path;
mod table;
mod view;

pub use action::action_of;
pub use path::{PathFault, canonical};
pub use table::{Found, Pattern, RouteIndex, RouteTable, TableError};
pub use view::{Leads, RouteView};

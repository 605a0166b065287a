//! What a route asks of a request, for whoever has to tell it and not to do it.

use http::Method;

use super::path::PathFault;
use crate::model::{Action, ResourceName};

/// Where a request would go.
#[derive(Debug, Clone)]
pub enum Leads {
    To(RouteView),
    /// The path is there for these methods only.
    OtherMethods(Vec<Method>),
    Nowhere,
    /// The path has no single reading, so that it is refused.
    BadPath(PathFault),
}

/// A route, and what it asks of a request with this method.
#[derive(Debug, Clone)]
pub struct RouteView {
    pub name: String,
    /// `None`: it is public.
    pub needs: Option<(ResourceName, Action)>,
    /// Whether requests may name the account that they are about.
    pub names_account: bool,
    /// Whether it tells its upstream what a token is limited to.
    pub enforces_filters: bool,
}

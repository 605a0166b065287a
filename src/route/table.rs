//! The table of routes: host, path pattern and method in, the index of a route out.
//!
//! Patterns are those of matchit: `/v1/devices/{id}`, `/v1/{*rest}`; a literal segment goes before a
//! parameter, and a parameter before a rest. Each method has a router of its own, so that a route for
//! `POST /search` does not hide a wider route from `GET /search`. On one pattern, a route that names
//! its methods goes before one that takes them all; a route for a host goes before one for any host.

use std::collections::HashMap;

use http::Method;
use matchit::{InsertError, Params, Router};

/// The place of a route in the list from which the table was built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIndex(pub usize);

/// What the table needs to know of a route.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// Lower case, without a port; `None`: any host.
    pub host: Option<String>,
    pub path: String,
    /// Empty: every method that has an action.
    pub methods: Vec<Method>,
}

/// Where a request belongs.
#[derive(Debug)]
pub enum Found<'table, 'path> {
    Route {
        index: RouteIndex,
        params: Params<'table, 'path>,
    },
    /// There is a route for the path, but not with this method; these it has.
    OtherMethods(Vec<Method>),
    Nothing,
}

/// Why routes make no table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("route {0:?} can never be reached: another route has the same path and method")]
    Duplicate(RouteIndex),
    #[error("the path pattern of route {0:?} is not valid: {1}")]
    Pattern(RouteIndex, String),
}

#[derive(Debug, Default)]
pub struct RouteTable {
    any_host: Methods,
    by_host: HashMap<String, Methods>,
}

const USUAL: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];

/// A router for each method.
#[derive(Debug, Default)]
struct Methods {
    usual: [Router<RouteIndex>; USUAL.len()],
    others: HashMap<Method, Router<RouteIndex>>,
}

impl RouteTable {
    pub fn new(patterns: &[Pattern]) -> Result<Self, TableError> {
        let mut table = RouteTable::default();
        let (naming, taking_all): (Vec<_>, Vec<_>) = patterns
            .iter()
            .enumerate()
            .map(|(at, pattern)| (RouteIndex(at), pattern))
            .partition(|(_, p)| !p.methods.is_empty());
        for (index, pattern) in naming {
            let methods = table.methods_of(pattern);
            for method in &pattern.methods {
                methods.router_mut(method).insert(&pattern.path, index).map_err(|error| refused(index, error))?;
            }
        }
        for (index, pattern) in taking_all {
            let methods = table.methods_of(pattern);
            let mut reachable = false;
            for method in &USUAL {
                match methods.router_mut(method).insert(&pattern.path, index) {
                    Ok(()) => reachable = true,
                    Err(InsertError::Conflict { .. }) => {}
                    Err(error) => return Err(refused(index, error)),
                }
            }
            if !reachable {
                return Err(TableError::Duplicate(index));
            }
        }
        Ok(table)
    }

    /// Finds the route. `host` is as [`RouteTable::wants_host`] asks for it: lower case, no port.
    pub fn find<'t, 'p>(&'t self, host: &str, path: &'p str, method: &Method) -> Found<'t, 'p> {
        let own = if self.by_host.is_empty() { None } else { self.by_host.get(host) };
        let tables = || own.into_iter().chain([&self.any_host]);
        if let Some(found) = tables().find_map(|methods| methods.router(method)?.at(path).ok()) {
            return Found::Route { index: *found.value, params: found.params };
        }
        let mut others: Vec<Method> = tables().flat_map(|methods| methods.allowed(path)).collect();
        others.dedup();
        if others.is_empty() { Found::Nothing } else { Found::OtherMethods(others) }
    }

    /// Whether any route looks at the host.
    pub fn wants_host(&self) -> bool {
        !self.by_host.is_empty()
    }

    fn methods_of(&mut self, pattern: &Pattern) -> &mut Methods {
        match &pattern.host {
            Some(host) => self.by_host.entry(host.clone()).or_default(),
            None => &mut self.any_host,
        }
    }
}

impl Methods {
    fn router(&self, method: &Method) -> Option<&Router<RouteIndex>> {
        match USUAL.iter().position(|usual| usual == method) {
            Some(at) => Some(&self.usual[at]),
            None => self.others.get(method),
        }
    }

    fn router_mut(&mut self, method: &Method) -> &mut Router<RouteIndex> {
        match USUAL.iter().position(|usual| usual == method) {
            Some(at) => &mut self.usual[at],
            None => self.others.entry(method.clone()).or_default(),
        }
    }

    fn allowed(&self, path: &str) -> Vec<Method> {
        let usual = USUAL.iter().zip(&self.usual);
        usual
            .chain(&self.others)
            .filter(|(_, router)| router.at(path).is_ok())
            .map(|(method, _)| method.clone())
            .collect()
    }
}

fn refused(index: RouteIndex, error: InsertError) -> TableError {
    match error {
        InsertError::Conflict { .. } => TableError::Duplicate(index),
        other => TableError::Pattern(index, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(path: &str, methods: &[Method]) -> Pattern {
        Pattern { host: None, path: path.to_owned(), methods: methods.to_vec() }
    }

    fn found(table: &RouteTable, host: &str, method: Method, path: &str) -> Option<usize> {
        match table.find(host, path, &method) {
            Found::Route { index, .. } => Some(index.0),
            _ => None,
        }
    }

    #[test]
    fn a_narrow_route_for_one_method_leaves_the_others_to_the_wide_one() {
        let table = RouteTable::new(&[
            pattern("/v1/devices/{*rest}", &[]),
            pattern("/v1/devices/search", &[Method::POST]),
            pattern("/v1/devices/{*rest}", &[Method::DELETE]),
        ])
        .expect("a table");
        assert_eq!(found(&table, "", Method::POST, "/v1/devices/search"), Some(1));
        assert_eq!(found(&table, "", Method::GET, "/v1/devices/search"), Some(0));
        assert_eq!(found(&table, "", Method::DELETE, "/v1/devices/7"), Some(2));
        assert_eq!(found(&table, "", Method::GET, "/v1/users"), None);
    }

    #[test]
    fn hosts_go_before_any_host() {
        let mut own = pattern("/x", &[]);
        own.host = Some("a.example".to_owned());
        let table = RouteTable::new(&[pattern("/x", &[]), own]).expect("a table");
        assert_eq!(found(&table, "a.example", Method::GET, "/x"), Some(1));
        assert_eq!(found(&table, "b.example", Method::GET, "/x"), Some(0));
    }

    #[test]
    fn another_method_is_told_from_nothing() {
        let propfind = Method::from_bytes(b"PROPFIND").expect("a method");
        let table = RouteTable::new(&[pattern("/x", &[Method::GET, propfind.clone()])]).expect("a table");
        assert!(
            matches!(table.find("", "/x", &Method::POST), Found::OtherMethods(allowed) if allowed == [Method::GET, propfind.clone()])
        );
        assert!(matches!(table.find("", "/y", &Method::POST), Found::Nothing));
        assert_eq!(found(&table, "", propfind, "/x"), Some(0));
    }

    #[test]
    fn routes_that_can_never_be_reached_are_refused() {
        let twice = RouteTable::new(&[pattern("/x", &[]), pattern("/x", &[])]);
        assert_eq!(twice.err(), Some(TableError::Duplicate(RouteIndex(1))));
        let same_method = RouteTable::new(&[pattern("/x/{a}", &[Method::GET]), pattern("/x/{b}", &[Method::GET])]);
        assert_eq!(same_method.err(), Some(TableError::Duplicate(RouteIndex(1))));
        assert!(matches!(RouteTable::new(&[pattern("/{*a}/b", &[])]), Err(TableError::Pattern(RouteIndex(0), _))));
    }
}

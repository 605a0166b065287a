//! Patterns of routes, against the plainest reading of them.

use http::Method;
use keygate::route::{Found, Pattern, RouteTable, canonical};

const METHODS: [Method; 3] = [Method::GET, Method::POST, Method::DELETE];

/// Lines of `[method] pattern`, and in the last line the path that is asked for. A route is found only where
/// its pattern fits, and where none is found, none fits.
pub fn routes(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let mut lines: Vec<&str> = text.lines().collect();
    let Some(Ok(path)) = lines.pop().map(canonical) else { return };
    let patterns: Vec<Pattern> = lines.into_iter().take(16).map(pattern).collect();
    if !patterns.iter().all(|pattern| is_lawful(&pattern.path)) {
        return;
    }
    let Ok(table) = RouteTable::new(&patterns) else { return };
    for method in METHODS {
        let fits = |pattern: &Pattern| {
            let of_method = pattern.methods.is_empty() || pattern.methods.contains(&method);
            fits(&pattern.path, &path).map(|fits| fits && of_method)
        };
        match table.find("", &path, &method) {
            Found::Route { index, .. } => {
                assert_ne!(fits(&patterns[index.0]), Some(false), "{:?} took {method} {path:?}", patterns[index.0]);
            }
            Found::OtherMethods(methods) => assert!(!methods.contains(&method), "{method} {path:?}"),
            Found::Nothing => {
                let missed = patterns.iter().find(|pattern| fits(pattern) == Some(true));
                assert!(missed.is_none(), "{missed:?} missed {method} {path:?}");
            }
        }
    }
}

fn pattern(line: &str) -> Pattern {
    let (method, path) = match line.split_once(' ') {
        Some((method, path)) => (METHODS.into_iter().find(|known| known.as_str() == method), path),
        None => (None, line),
    };
    Pattern { host: None, path: path.to_owned(), methods: method.into_iter().collect() }
}

/// What a configuration may say.
fn is_lawful(path: &str) -> bool {
    path.starts_with('/') && !path.contains("//") && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// Whether a pattern of whole segments fits. `None`: it has a parameter within a segment, or an escaped brace,
/// which this reading does not know.
fn fits(pattern: &str, path: &str) -> Option<bool> {
    let mut segments = path.split('/');
    let mut parts = pattern.split('/');
    loop {
        match (parts.next(), segments.next()) {
            (None, None) => return Some(true),
            (Some(part), Some(segment)) if part.starts_with("{*") && part.ends_with('}') => {
                return if parts.next().is_some() || part.matches(['{', '}']).count() != 2 {
                    None
                } else {
                    Some(!segment.is_empty() || segments.next().is_some())
                };
            }
            (Some(part), Some(segment)) if part.starts_with('{') && part.ends_with('}') => {
                match part.matches(['{', '}']).count() {
                    2 if segment.is_empty() => return Some(false),
                    2 => {}
                    _ => return None,
                }
            }
            (Some(part), _) if part.contains(['{', '}']) => return None,
            (Some(part), Some(segment)) if part == segment => {}
            _ => return rest_is_plain(parts).then_some(false),
        }
    }
}

fn rest_is_plain<'a>(mut parts: impl Iterator<Item = &'a str>) -> bool {
    parts.all(|part| !part.contains(['{', '}']) || part.matches(['{', '}']).count() == 2)
}

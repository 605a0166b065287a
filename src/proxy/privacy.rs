//! Keeps an address that holds a token from those to whom an answer would show it.

use http::header::{CACHE_CONTROL, REFERRER_POLICY};
use http::{HeaderMap, HeaderValue};

/// What an answer may go on saying of caches beside `private`.
const KEPT: [&str; 7] =
    ["max-age", "no-cache", "no-transform", "must-revalidate", "immutable", "stale-while-revalidate", "stale-if-error"];

/// Writes into an answer that only its client's own cache may keep it (RFC 6750 section 2.3), and that no
/// page that it leads to is told where it came from.
pub(super) fn keep(headers: &mut HeaderMap) {
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    let lines: Option<Vec<&str>> = headers.get_all(CACHE_CONTROL).iter().map(|line| line.to_str().ok()).collect();
    let control = match lines.map(|lines| lines.join(",")) {
        // Within quotes a comma separates nothing: such a line is not taken apart.
        Some(lines) if !lines.contains('"') => among(&lines),
        _ => "no-store".to_owned(),
    };
    headers.insert(CACHE_CONTROL, HeaderValue::try_from(control).unwrap_or(HeaderValue::from_static("no-store")));
}

fn among(lines: &str) -> String {
    let directives = lines.split(',').map(str::trim);
    let name = |directive: &str| directive.split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    if directives.clone().any(|directive| name(directive) == "no-store") {
        return "no-store".to_owned();
    }
    let kept = directives.filter(|directive| KEPT.contains(&name(directive).as_str()));
    ["private"].into_iter().chain(kept).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_by_who_serves_others_too() {
        for (sent, told) in [
            (&[][..], "private"),
            (&["max-age=60"], "private, max-age=60"),
            (&["public, s-maxage=60, Max-Age=5"], "private, Max-Age=5"),
            (&["public", "no-cache"], "private, no-cache"),
            (&["private"], "private"),
            (&["no-cache, No-Store"], "no-store"),
            (&["private=\"set-cookie, x\", max-age=5"], "no-store"),
            (&["\u{e9}"], "no-store"),
        ] {
            let mut headers = HeaderMap::new();
            for line in sent {
                headers.append(CACHE_CONTROL, HeaderValue::from_bytes(line.as_bytes()).expect("a value"));
            }
            keep(&mut headers);
            assert_eq!(headers[CACHE_CONTROL], told, "{sent:?}");
            assert_eq!(headers.get_all(CACHE_CONTROL).iter().count(), 1);
            assert_eq!(headers[REFERRER_POLICY], "no-referrer");
        }
    }
}

//! `Via` (RFC 9110 section 7.6.3): through which gateways a request came, and whether through this one.

use http::header::VIA;
use http::{HeaderMap, HeaderValue, Version};

use super::introduction::Put;

/// What this gateway is called there. One for each worker, so that no two count the users of one value.
pub(super) struct Via {
    pseudonym: String,
    lines: [HeaderValue; 3],
}

impl Via {
    /// `pseudonym`: a token (RFC 9110 section 5.6.2).
    pub(super) fn new(pseudonym: &str) -> Self {
        let line = |version| HeaderValue::try_from(format!("{version} {pseudonym}")).expect("a token is ASCII");
        Self { pseudonym: pseudonym.to_owned(), lines: ["1.0", "1.1", "2"].map(line) }
    }

    /// Whether the request was here before.
    pub(super) fn has_seen(&self, headers: &HeaderMap) -> bool {
        let hops = headers.get_all(VIA).iter().flat_map(|line| line.as_bytes().split(|&byte| byte == b','));
        let mut names = hops.filter_map(|hop| {
            let mut words = hop.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
            words.nth(1)
        });
        names.any(|name| name.eq_ignore_ascii_case(self.pseudonym.as_bytes()))
    }

    /// Tells of this gateway, behind what the request says of others. `version`: of HTTP, as it was received.
    pub(super) fn tell(&self, version: Version, put: &mut Put<'_>) {
        let at = match version {
            Version::HTTP_10 => 0,
            Version::HTTP_2 => 2,
            _ => 1,
        };
        put(&VIA, &self.lines[at]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_every_form_of_the_list() {
        let via = Via::new("edge-1");
        let seen = |lines: &[&'static str]| {
            via.has_seen(&lines.iter().map(|line| (VIA, HeaderValue::from_static(line))).collect())
        };
        for lines in [
            &["1.1 edge-1"][..],
            &["1.1 a", "2 Edge-1"],
            &["1.0 fred, HTTP/1.1  EDGE-1 (a comment),1.1 b"],
            &["1.1 a,\t2\tedge-1"],
        ] {
            assert!(seen(lines), "{lines:?}");
        }
        for lines in [&[][..], &["1.1 edge"], &["1.1 edge-11, 2 an-edge-1"], &["edge-1"], &["1.1 a (edge-1)"]] {
            assert!(!seen(lines), "{lines:?}");
        }
    }
}

//! The headers that tell the upstream who asks. Always all of them, so that no forged one survives.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::auth::Permit;
use crate::model::Access;
use crate::server::Handshake;

const ACCOUNT: HeaderName = HeaderName::from_static("x-keygate-account");
const TOKEN: HeaderName = HeaderName::from_static("x-keygate-token");
const SUBJECT: HeaderName = HeaderName::from_static("x-keygate-subject");
const KIND: HeaderName = HeaderName::from_static("x-keygate-kind");
const ACCESS: HeaderName = HeaderName::from_static("x-keygate-access");
const FILTER: HeaderName = HeaderName::from_static("x-keygate-filter");
/// Only where the listener asks clients for certificates.
const CLIENT_CERTIFICATE: HeaderName = HeaderName::from_static("x-keygate-client-certificate");

/// Writes what the permit says over whatever stands there.
///
/// The subject is the user behind a token, and the filter what it is limited to; a token that has
/// neither says so with an empty value.
pub(super) fn write(headers: &mut HeaderMap, permit: &Permit, handshake: Option<&Handshake>) {
    const EMPTY: HeaderValue = HeaderValue::from_static("");
    if let Some(handshake) = handshake {
        headers.insert(CLIENT_CERTIFICATE, handshake.fingerprint().clone());
    }
    match permit.bearer() {
        Some(bearer) => {
            let identity = &bearer.principal.identity;
            let account = match bearer.account == bearer.principal.token.account {
                true => identity.account.clone(),
                false => HeaderValue::try_from(bearer.account.to_string()).expect("an id is base62 and an underscore"),
            };
            headers.insert(ACCOUNT, account);
            headers.insert(TOKEN, identity.token.clone());
            headers.insert(KIND, identity.kind.clone());
            headers.insert(SUBJECT, identity.subject.clone());
            headers.insert(FILTER, identity.filter.clone());
            headers.insert(ACCESS, access(bearer.access));
        }
        None => {
            for name in [ACCOUNT, TOKEN, SUBJECT, KIND, ACCESS, FILTER] {
                headers.insert(name, EMPTY);
            }
        }
    }
}

fn access(access: Access) -> HeaderValue {
    const NAMES: [&str; 16] = [
        "none",
        "read",
        "create",
        "read+create",
        "update",
        "read+update",
        "write",
        "read+write",
        "delete",
        "read+delete",
        "create+delete",
        "read+create+delete",
        "update+delete",
        "read+update+delete",
        "create+update+delete",
        "full",
    ];
    HeaderValue::from_static(NAMES[usize::from(access.bits())])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn access_values_are_the_texts_of_the_sets() {
        for bits in 0..16 {
            let set = Access::from_bits(bits).expect("four bits");
            assert_eq!(access(set), set.to_string());
        }
    }
}

//! The headers that tell the upstream who asks. Always all of them, so that no forged one survives.

use http::{HeaderName, HeaderValue};

use super::introduction::Put;
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

/// Tells what the permit says.
///
/// The subject is the user behind a token, and the filter what it is limited to; a token that has
/// neither says so with an empty value.
pub(super) fn tell(permit: &Permit, handshake: Option<&Handshake>, put: &mut Put<'_>) {
    const EMPTY: HeaderValue = HeaderValue::from_static("");
    if let Some(handshake) = handshake {
        put(&CLIENT_CERTIFICATE, handshake.fingerprint());
    }
    match permit.bearer() {
        Some(bearer) => {
            let identity = &bearer.principal.identity;
            if bearer.account == bearer.principal.token.account {
                put(&ACCOUNT, &identity.account);
            } else {
                let account = HeaderValue::try_from(bearer.account.to_string());
                put(&ACCOUNT, &account.expect("an id is base62 and an underscore"));
            }
            put(&TOKEN, &identity.token);
            put(&KIND, &identity.kind);
            put(&SUBJECT, &identity.subject);
            put(&FILTER, &identity.filter);
            put(&ACCESS, &access(bearer.access));
        }
        None => {
            for name in [ACCOUNT, TOKEN, SUBJECT, KIND, ACCESS, FILTER] {
                put(&name, &EMPTY);
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

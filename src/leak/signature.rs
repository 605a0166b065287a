//! ECDSA with P-256 and SHA-256 over the very bytes of a body.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustls_pki_types::SubjectPublicKeyInfoDer;
use rustls_pki_types::pem::PemObject;

/// What stands before the point in the `SubjectPublicKeyInfo` (RFC 5480) of a key on this curve.
const P256: [u8; 26] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce,
    0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
];

/// A public key on the curve P-256.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PublicKey(Vec<u8>);

/// Why a signature counts for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureFault {
    #[error("it is not Base64")]
    Base64,
    #[error("it is not of this body and this key")]
    Mismatch,
}

impl PublicKey {
    /// From PEM; `None` for anything but a key on this curve.
    pub(super) fn from_pem(pem: &str) -> Option<Self> {
        let info = SubjectPublicKeyInfoDer::from_pem_slice(pem.as_bytes()).ok()?;
        let point = info.strip_prefix(&P256)?;
        (point.len() == 65 && point[0] == 4).then(|| Self(point.to_vec()))
    }

    pub(super) fn verify(&self, body: &[u8], signature: &str) -> Result<(), SignatureFault> {
        let signature = STANDARD.decode(signature.trim()).map_err(|_| SignatureFault::Base64)?;
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &self.0);
        key.verify(body, &signature).map_err(|_| SignatureFault::Mismatch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of GitHub's documentation, and the one that it had before: body, key, signature.
    const PUBLISHED: [(&str, &str, &str); 2] = [
        (
            r#"[{"source":"commit","token":"some_token","type":"some_type","url":"https://example.com/base-repo-url/"}]"#,
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEYAGMWO8XgCamYKMJS6jc/qgvSlAd\nAjPuDPRcXU22YxgBrz+zoN19MzuRyW87qEt9/AmtoNP5GrobzUvQSyJFVw==",
            "MEQCIQDaMKqrGnE27S0kgMrEK0eYBmyG0LeZismAEz/BgZyt7AIfXt9fErtRS4XaeSt/AO1RtBY66YcAdjxji410VQV4xg==",
        ),
        (
            r#"[{"token":"some_token","type":"some_type","url":"some_url"}]"#,
            "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE9MJJHnMfn2+H4xL4YaPDA4RpJqUq\nkCmRCBnYERxZanmcpzQSXs1X/AljlKkbJ8qpVIW4clayyef9gWhFbNHWAA==",
            "MEUCIQDKZokqnCjrRtw0tni+2Ltvl/uiMJ1EGumEsp1BsNr32AIgQY1YXD2nlj+XNfGK4rBfkMJ1JDOQcYXxa2sY8FNkrKc=",
        ),
    ];

    #[test]
    fn the_published_signatures_hold_and_no_other() {
        for (body, key, signature) in PUBLISHED {
            let pem = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n");
            let key = PublicKey::from_pem(&pem).expect("a key");
            assert_eq!(key.verify(body.as_bytes(), signature), Ok(()));
            let other = body.replace("some_token", "some_Token");
            assert_eq!(key.verify(other.as_bytes(), signature), Err(SignatureFault::Mismatch));
            assert_eq!(key.verify(format!("{body}\n").as_bytes(), signature), Err(SignatureFault::Mismatch));
            assert_eq!(key.verify(body.as_bytes(), "?"), Err(SignatureFault::Base64));
            assert_eq!(key.verify(body.as_bytes(), ""), Err(SignatureFault::Mismatch));
        }
        let swapped =
            PublicKey::from_pem(&format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", PUBLISHED[1].1));
        let swapped = swapped.expect("a key");
        assert_eq!(swapped.verify(PUBLISHED[0].0.as_bytes(), PUBLISHED[0].2), Err(SignatureFault::Mismatch));
    }

    #[test]
    fn what_is_no_key_of_the_curve_is_refused() {
        assert_eq!(PublicKey::from_pem("hello"), None);
        // An Ed25519 key.
        let other = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
        assert_eq!(
            PublicKey::from_pem(&format!("-----BEGIN PUBLIC KEY-----\n{other}\n-----END PUBLIC KEY-----\n")),
            None
        );
    }
}

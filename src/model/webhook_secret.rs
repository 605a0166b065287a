//! The secret of a webhook, as the Standard Webhooks scheme writes it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// Of the scheme.
const BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// What messages are signed with. Has no `Display`, prints as dots, is wiped when dropped.
#[derive(Clone)]
pub struct WebhookSecret(Zeroizing<Vec<u8>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSecretError {
    #[error("does not start with `whsec_`")]
    Prefix,
    #[error("is not Base64 after `whsec_`")]
    Base64,
    #[error("has not 24 to 64 bytes behind `whsec_`")]
    Length,
}

impl WebhookSecret {
    /// What each one begins with.
    pub const PREFIX: &str = "whsec_";

    /// `whsec_` and 24 to 64 bytes in Base64, with white space around it.
    pub fn parse(text: &[u8]) -> Result<Self, WebhookSecretError> {
        let coded = text.trim_ascii().strip_prefix(Self::PREFIX.as_bytes()).ok_or(WebhookSecretError::Prefix)?;
        let bytes = Zeroizing::new(STANDARD.decode(coded).map_err(|_| WebhookSecretError::Base64)?);
        if BYTES.contains(&bytes.len()) { Ok(Self(bytes)) } else { Err(WebhookSecretError::Length) }
    }

    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WebhookSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_checked_and_never_shown() {
        for (text, error) in [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), WebhookSecretError::Prefix),
            ("whsec_!".to_owned(), WebhookSecretError::Base64),
            (format!("whsec_{}", STANDARD.encode([1; 23])), WebhookSecretError::Length),
            (format!("whsec_{}", STANDARD.encode([1; 65])), WebhookSecretError::Length),
        ] {
            assert_eq!(WebhookSecret::parse(text.as_bytes()).expect_err("no secret"), error, "{text}");
        }
        let secret = WebhookSecret::parse(b" whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n").expect("a secret");
        assert_eq!((secret.expose().len(), format!("{secret:?}").as_str()), (24, "WebhookSecret(…)"));
    }
}

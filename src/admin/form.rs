//! The form of a call about a token's text (RFC 7662 section 2.1, RFC 7009 section 2.1): `token`, and
//! whatever else there may be, which is for others.

use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use zeroize::Zeroizing;

use super::body::{collect, is_of};
use super::refusal::Refusal;

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// The text of a token. Has no `Debug`, and is wiped when dropped.
pub(super) struct TokenForm(Zeroizing<String>);

impl TokenForm {
    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

impl<S: Sync> FromRequest<S> for TokenForm {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &S) -> Result<Self, Refusal> {
        if !is_of(request.headers().get_all(CONTENT_TYPE), FORM) {
            return Err(Refusal::NotForm);
        }
        let body = collect(request).await?;
        let mut tokens = form_urlencoded::parse(&body).filter(|(name, _)| name == "token");
        match (tokens.next(), tokens.next()) {
            (Some((_, text)), None) if !text.is_empty() => Ok(Self(Zeroizing::new(text.into_owned()))),
            // RFC 6749 section 3.2: what has no value counts as left out, and nothing stands twice.
            (Some(_), Some(_)) => Err(Refusal::BadForm("`token` stands in the form more than once")),
            (Some(_) | None, _) => Err(Refusal::BadForm("the form has no `token`, which is the text that it is about")),
        }
    }
}

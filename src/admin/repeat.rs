//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a creation that comes again is not done again,
//! and is answered with the object that it made, as that is now.
//!
//! A key is of the token that sends it and of the call, method and target. What is made and the note of it are
//! one commit, so the answer may be lost at any point. The text of a token is answered again as long as the
//! token was not used: that it was proves that somebody has it. It is kept encrypted under a key that takes
//! the pepper and the `Idempotency-Key` itself, which is kept nowhere.

use axum::extract::{FromRequest, Request};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use hyper::body::Body as _;

use super::body::{collect, declared};
use super::caller::Caller;
use super::condition::tagged;
use super::fields::Fields;
use super::refusal::Refusal;
use super::reveal::may_see;
use super::rules::shown;
use super::sessions::begun;
use super::tokens::{curl_line, json, made, within_reach};
use super::wire::{Begun, Created, Json, TokenRecord};
use super::{AdminState, Shared};
use crate::audit::{Change, Object};
use crate::auth::{Again, Asked, Asking, Once};
use crate::model::{MadeObject, Token, TokenText, Usage};

pub(super) const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const LONGEST: usize = 255;

/// The fields of a request that makes something, and whether it was done before.
pub(super) struct Creation {
    fields: Fields,
    asking: Option<Asking>,
}

/// One whose body may be left out.
pub(super) struct OptionalCreation(pub(super) Creation);

impl Creation {
    /// What is to be done, and for which request that may come again; or what was done before.
    pub(super) fn begin(self) -> Result<(Fields, Option<Once>), Box<Again>> {
        match self.asking {
            None => Ok((self.fields, None)),
            Some(Asking::First(once)) => Ok((self.fields, Some(once))),
            Some(Asking::Again(again)) => Err(Box::new(again)),
        }
    }

    async fn read(request: Request, state: &AdminState, optional: bool) -> Result<Self, Refusal> {
        let key = key(request.headers())?;
        // Who is not known could be anybody: a login is done as often as it is asked for.
        let by = request.extensions().get::<Caller>().map(|caller| caller.token().id);
        let target = request.uri().path_and_query().map_or_else(|| request.uri().path(), |target| target.as_str());
        let call = format!("{} {target}", request.method());
        // What ends before it begins is no body, whatever it is declared as.
        let is_absent = optional && request.body().is_end_stream();
        if !is_absent {
            declared(request.headers())?;
        }
        let contents = collect(request).await?;
        let fields = if is_absent {
            Fields::default()
        } else {
            Fields::of_body(Json::parse(&contents).map_err(Refusal::Malformed)?)?
        };
        let asking = match key.zip(by) {
            None => None,
            Some((key, by)) => {
                let asked = Asked { by, call: &call, key: &key, contents: &contents };
                Some(state.lifecycle.asked(asked).await?)
            }
        };
        Ok(Self { fields, asking })
    }
}

impl FromRequest<Shared> for Creation {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Refusal> {
        Self::read(request, state, false).await
    }
}

impl FromRequest<Shared> for OptionalCreation {
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &Shared) -> Result<Self, Refusal> {
        Creation::read(request, state, true).await.map(Self)
    }
}

/// With quotes, as a structured field has them, or without.
fn key(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let mut lines = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(line) = lines.next() else { return Ok(None) };
    let wrong = |what| Err(Refusal::BadRepeatKey(what));
    if lines.next().is_some() {
        return wrong("stands there more than once");
    }
    let text = line.to_str().unwrap_or("\u{0}");
    let key = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    match key.len() {
        0 => wrong("is empty"),
        1..=LONGEST if key.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\\')) => {
            Ok(Some(key.to_owned()))
        }
        1..=LONGEST => wrong("has a character that is no visible ASCII, a quote or a backslash"),
        _ => wrong("has more than 255 characters"),
    }
}

/// A token that was made before, with its text as long as it was not used.
pub(super) async fn token(
    again: &Again,
    status: StatusCode,
    caller: &Caller,
    state: &AdminState,
) -> Result<Response, Refusal> {
    let MadeObject::Token(id) = again.object() else { return Err(other_object()) };
    let token = within_reach(state, caller, id).await.map_err(gone)?;
    let usage = state.lifecycle.usage(vec![id]).await?.pop().unwrap_or_default();
    // Whoever sees it can do what it can, also if the caller can do less by now.
    let text = may_see(&token, caller, state).ok().and_then(|()| again.text(&token, &usage, &state.lifecycle));
    note(caller, Object::token(&token), text.is_some());
    let curl = text.as_ref().map(|text| curl_line(text, state));
    let created = Created {
        record: shown(state, &token, usage),
        token: text.as_ref().map(TokenText::expose),
        curl: curl.as_ref().map(|curl| curl.as_str()),
    };
    let response = if status == StatusCode::CREATED { made(id, &created) } else { json(status, &created) };
    Ok(replayed(tagged(token.revision, response)))
}

/// A session that was begun before.
pub(super) async fn session(again: &Again, caller: &Caller, state: &AdminState) -> Result<Response, Refusal> {
    let MadeObject::Token(id) = again.object() else { return Err(other_object()) };
    let session: Token = within_reach(state, caller, id).await.map_err(gone)?;
    let usage = state.lifecycle.usage(vec![id]).await?.pop().unwrap_or_else(Usage::default);
    let text = again.text(&session, &usage, &state.lifecycle);
    note(caller, Object::token(&session), text.is_some());
    let record = TokenRecord::new(&session, usage, state.lifecycle.clock().wall());
    Ok(replayed(begun(id, &Begun { record, token: text.as_ref().map(TokenText::expose) })))
}

/// That it was asked for again, and whether a text was told again.
pub(super) fn note(caller: &Caller, object: Object, told: bool) {
    caller.record(object, Change::noted([("repeated", true.into()), ("text_told", told.into())]));
}

/// An answer that was given before, or would have been.
pub(super) fn replayed(mut response: Response) -> Response {
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

/// The key is of the call, and each call makes one kind of object.
pub(super) fn other_object() -> Refusal {
    Refusal::Broken("a request is noted with an object that its call does not make")
}

/// What a request made was deleted since, or is out of reach. It is not made anew.
pub(super) fn gone(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::NoSuch(_) => Refusal::MadeAndGone,
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Result<Option<String>, Refusal> {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(IDEMPOTENCY_KEY, HeaderValue::from_bytes(line.as_bytes()).expect("a header's value"));
        }
        key(&headers)
    }

    #[test]
    fn a_key_is_read_with_quotes_and_without() {
        assert!(matches!(of(&[]), Ok(None)));
        for line in ["8e03978e-40d5-43dd-bc93", "\"8e03978e-40d5-43dd-bc93\""] {
            assert!(matches!(of(&[line]), Ok(Some(key)) if key == "8e03978e-40d5-43dd-bc93"), "{line}");
        }
        let long = "x".repeat(256);
        for lines in [&[""][..], &["\"\""], &["a", "a"], &["a b"], &["\"a"], &["\"a\"; b=1"], &["ä"], &[&long]] {
            assert!(matches!(of(lines), Err(Refusal::BadRepeatKey(_))), "{lines:?}");
        }
    }
}

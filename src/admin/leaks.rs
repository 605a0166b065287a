//! Reports of leaked tokens: GitHub's, believed for their signature, and those of one's own scanners, believed
//! for their token.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use zeroize::Zeroizing;

use super::Shared;
use super::body::collect_most;
use super::caller::Caller;
use super::fields::Fields;
use super::refusal::Refusal;
use super::tokens::json;
use super::wire::{Feedback, Json, Judged, Page};
use crate::audit::{Change, Object, ObjectKind};
use crate::leak::{Find, Full, KeysError, Label};
use crate::problem::FieldError;

const KEY: &str = "github-public-key-identifier";
const SIGNATURE: &str = "github-public-key-signature";

/// Of an alert: tens of thousands of finds.
const MOST_BYTES: usize = 8 << 20;
/// For an alert to arrive: nobody is known before its last byte is there, and few are read at a time.
const LONGEST: Duration = Duration::from_secs(30);
/// Of a report of one's own.
const MOST_FINDS: usize = 500;

impl From<Full> for Refusal {
    fn from(Full: Full) -> Self {
        Refusal::LeaksBusy
    }
}

impl From<KeysError> for Refusal {
    fn from(error: KeysError) -> Self {
        match error {
            KeysError::Unavailable(why) => Refusal::KeysUnavailable(why),
            KeysError::Unknown | KeysError::Signature(_) => Refusal::BadSignature(error.to_string()),
        }
    }
}

/// An alert in the contract of GitHub's secret scanning partners.
pub(super) async fn github(State(state): State<Shared>, request: Request) -> Result<Response, Refusal> {
    let Some(keys) = &state.leaks.github else { return Err(Refusal::LeaksOff) };
    let (id, signature) = (only(request.headers(), KEY)?, only(request.headers(), SIGNATURE)?);
    // Who names no key of theirs is not listened to.
    keys.check(&id).await?;
    let turn = state.leaks.reading.try_acquire().map_err(|_| Refusal::LeaksBusy)?;
    let reading = tokio::time::timeout(LONGEST, collect_most(request, MOST_BYTES));
    let body = Zeroizing::new(reading.await.map_err(|_| Refusal::BodyBroken)??.to_vec());
    drop(turn);
    keys.verify(&id, &body, &signature).await?;
    let mut types = Vec::new();
    let mut finds = Vec::new();
    for (at, item) in list(Json::parse(&body).map_err(Refusal::Malformed)?)?.into_iter().enumerate() {
        let (find, kind) = find(item).ok_or_else(|| odd(at))?;
        types.push((Feedback::hash(&find.text), kind));
        finds.push(find);
    }
    let labels = state.leaks.desk.hand_in(finds).await?;
    let feedback = types.into_iter().zip(labels).map(|((hash, kind), label)| Feedback::new(hash, kind, label));
    Ok(json(StatusCode::OK, &feedback.collect::<Vec<_>>()))
}

/// `{"leaks": [{"token": "…", "url": "…", "source": "…"}]}`.
pub(super) async fn report(
    State(state): State<Shared>,
    caller: Caller,
    mut fields: Fields,
) -> Result<Response, Refusal> {
    let items = match fields.take("leaks") {
        Some(Json::List(items)) if (1..=MOST_FINDS).contains(&items.len()) => items,
        _ => {
            fields.refuse("leaks", format!("must be a list of 1 to {MOST_FINDS} objects"));
            Vec::new()
        }
    };
    let finds: Vec<Find> =
        items.into_iter().enumerate().filter_map(|(at, item)| reported(&mut fields, at, item)).collect();
    fields.finish()?;
    let labels = state.leaks.desk.hand_in(finds).await?;
    let real = labels.iter().filter(|label| **label == Label::Real).count();
    let facts = [("reported", labels.len().into()), ("tokens", real.into())];
    caller.record(Object::whole(ObjectKind::Leak), Change::noted(facts));
    let items = labels.into_iter().map(Judged::new).collect();
    Ok(json(StatusCode::ACCEPTED, &Page { items, next: None, count: None }))
}

/// The one value of a header.
fn only(headers: &HeaderMap, name: &str) -> Result<String, Refusal> {
    let mut lines = headers.get_all(name).iter();
    match (lines.next().and_then(|value| value.to_str().ok()), lines.next()) {
        (Some(value), None) => Ok(value.to_owned()),
        _ => Err(Refusal::BadSignature(format!("the header `{name}` has to be there, once"))),
    }
}

fn list(body: Json) -> Result<Vec<Json>, Refusal> {
    match body {
        Json::List(items) => Ok(items),
        other => {
            let message = format!("must be a list, not {}", other.kind());
            Err(Refusal::InvalidFields(vec![FieldError { field: "body".into(), message }]))
        }
    }
}

fn odd(at: usize) -> Refusal {
    let message = "must be an object with the text `token`, and maybe the texts `type`, `url` and `source`".into();
    Refusal::InvalidFields(vec![FieldError { field: at.to_string(), message }])
}

/// One find of a report; what is wrong with it is noted, and then there is none.
fn reported(fields: &mut Fields, at: usize, item: Json) -> Option<Find> {
    let Json::Object(entries) = item else {
        fields.refuse(&format!("leaks[{at}]"), format!("must be an object, not {}", item.kind()));
        return None;
    };
    let (mut token, mut url, mut source, mut is_good) = (None, String::new(), String::new(), true);
    let mut refuse = |name: &str, message: &str| {
        fields.refuse(&format!("leaks[{at}]{name}"), message);
        is_good = false;
    };
    for (name, value) in entries {
        match (name.as_str(), value) {
            ("token", Json::Text(text)) if token.is_none() => token = Some(Zeroizing::new(text)),
            ("url", Json::Text(text)) => url = text,
            ("source", Json::Text(text)) => source = text,
            ("type", Json::Text(_)) => {}
            ("token", _) => refuse(".token", "must be one text"),
            ("url", _) => refuse(".url", "must be a text"),
            ("source", _) => refuse(".source", "must be a text"),
            ("type", _) => refuse(".type", "must be a text"),
            _ => refuse("", "has a field that is none of `token`, `type`, `url` and `source`"),
        }
    }
    if token.is_none() {
        refuse(".token", "is missing: the text that was found");
    }
    let text = token.filter(|_| is_good)?;
    Some(Find { text, source, url })
}

/// A find and its type. Whatever else an entry says is for others, and a new `source` is as good as an old one.
fn find(item: Json) -> Option<(Find, String)> {
    let Json::Object(entries) = item else { return None };
    let (mut token, mut kind, mut url, mut source) = (None, String::new(), String::new(), String::new());
    for (name, value) in entries {
        match (name.as_str(), value) {
            ("token", Json::Text(text)) if token.is_none() => token = Some(Zeroizing::new(text)),
            ("token", _) => return None,
            ("type", Json::Text(text)) => kind = text,
            ("url", Json::Text(text)) => url = text,
            ("source", Json::Text(text)) => source = text,
            _ => {}
        }
    }
    Some((Find { text: token?, source, url }, kind))
}

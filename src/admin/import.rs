//! Keys of other systems, taken over by their hash, some at a time.
//!
//! Which text a hash stands for only its bearer knows, and one text is one token of the whole installation:
//! who could import for one account could take a key away from another that is to bring its own. So it
//! takes a token of the root account.

use std::collections::HashSet;

use axum::extract::State;
use axum::response::Response;
use http::StatusCode;

use super::caller::Caller;
use super::fields::{Fields, shown};
use super::refusal::Refusal;
use super::token_input::new_token;
use super::tokens::json;
use super::wire::{ImportRecord, ImportedRecord, Json};
use super::{AdminState, Shared, unfit};
use crate::audit::{Change, Object};
use crate::auth::{ForeignKey, Former, Imported, LifecycleError};
use crate::model::{Encoding, ForeignHash, Timestamp, TokenId};
use crate::problem::FieldError;

/// How many keys one call takes.
const MOST: usize = 250;

pub(super) async fn create(
    State(state): State<Shared>,
    caller: Caller,
    mut fields: Fields,
) -> Result<Response, Refusal> {
    let dry_run = fields.take_flag("dry_run").unwrap_or_default();
    let items = match fields.take("tokens") {
        Some(Json::List(items)) if (1..=MOST).contains(&items.len()) => items,
        Some(Json::List(_)) => wrong(&mut fields, format!("must have 1 to {MOST} items")),
        Some(other) => wrong(&mut fields, format!("must be a list of objects, not {}", other.kind())),
        None => wrong(&mut fields, "is needed".to_owned()),
    };
    let again = fields.take_flag("again").unwrap_or_default();
    fields.finish()?;
    let read: Vec<_> = items.into_iter().map(|item| key(item, again, &caller, &state)).collect();
    let outcomes = if dry_run { tried(read, again, &state).await? } else { done(read, &caller, &state).await? };
    Ok(json(StatusCode::OK, &ImportRecord::of(dry_run, outcomes)))
}

fn wrong(fields: &mut Fields, message: String) -> Vec<Json> {
    fields.refuse("tokens", message);
    Vec::new()
}

/// What is wrong with one key, or the key.
type Read = Result<ForeignKey, Vec<FieldError>>;

fn key(item: Json, again: bool, caller: &Caller, state: &AdminState) -> Read {
    let mut fields = Fields::of_body(item).map_err(told)?;
    let hash = hash(&mut fields);
    // What is wrong with the hash is told with all that is wrong with the token.
    let new = new_token(fields, caller, state).map_err(told)?;
    let (hash, bytes) = hash.ok_or_else(|| told(Refusal::Broken("a hash that is needed was not missed")))?;
    Ok(ForeignKey { hash, bytes, new, again })
}

fn hash(fields: &mut Fields) -> Option<(ForeignHash, Box<[u8]>)> {
    let text = fields.take_text("hash");
    if text.is_none() && !fields.is_refused("hash") {
        fields.refuse("hash", "is needed: the key's hash");
    }
    let algorithm = fields.take_text("algorithm");
    let hash = algorithm.as_deref().and_then(ForeignHash::from_name);
    if hash.is_none() && !fields.is_refused("algorithm") {
        let all = ForeignHash::ALL.map(ForeignHash::name).join(", ");
        let why = algorithm.as_deref().and_then(unfit::algorithm).map(|why| format!("; {why}")).unwrap_or_default();
        fields.refuse("algorithm", format!("must be one of {all}{why}"));
    }
    let encoding = match fields.take_text("encoding") {
        None => Some(Encoding::default()),
        Some(name) => Encoding::from_name(&name),
    };
    if encoding.is_none() {
        fields.refuse("encoding", format!("must be one of {}", Encoding::ALL.map(Encoding::name).join(", ")));
    }
    if let Some(why) = text.as_deref().and_then(unfit::hash) {
        fields.refuse("hash", why);
        return None;
    }
    let (text, hash, encoding) = (text?, hash?, encoding?);
    hash.parse(&text, encoding)
        .map_err(|error| fields.refuse("hash", error.to_string()))
        .ok()
        .map(|bytes| (hash, bytes))
}

/// A refusal of one key, in its fields.
fn told(refusal: Refusal) -> Vec<FieldError> {
    match refusal {
        Refusal::InvalidFields(errors) => errors,
        other => vec![FieldError { field: String::new(), message: shown(&other.detail()) }],
    }
}

/// Whoever deleted a token must not have its key back by an import that is run once more.
fn deleted(id: TokenId, at: Timestamp) -> Vec<FieldError> {
    let message =
        format!("the key was imported before, as {id}, and deleted at {at}; with `again` it is imported anew");
    vec![FieldError { field: "hash".to_owned(), message }]
}

/// What an import would come to.
async fn tried(read: Vec<Read>, again: bool, state: &AdminState) -> Result<Vec<ImportedRecord>, Refusal> {
    let mut outcomes = Vec::with_capacity(read.len());
    let mut seen = HashSet::new();
    for key in read {
        outcomes.push(match key {
            Err(errors) => ImportedRecord::refused(errors),
            Ok(key) => {
                let id = state.lifecycle.id_of_import(key.hash, &key.bytes);
                match state.lifecycle.former_import(id).await? {
                    Former::There => ImportedRecord::there(id),
                    Former::Deleted(note) if !again => ImportedRecord::refused(deleted(id, note.made)),
                    Former::Deleted(_) | Former::Never if seen.insert(id) => ImportedRecord::made(id),
                    Former::Deleted(_) | Former::Never => ImportedRecord::there(id),
                }
            }
        });
    }
    Ok(outcomes)
}

async fn done(read: Vec<Read>, caller: &Caller, state: &AdminState) -> Result<Vec<ImportedRecord>, Refusal> {
    let (mut outcomes, mut keys) = (Vec::with_capacity(read.len()), Vec::new());
    let mut places = Vec::new();
    for key in read {
        match key {
            Err(errors) => outcomes.push(ImportedRecord::refused(errors)),
            Ok(key) => {
                places.push(outcomes.len());
                keys.push(key);
                outcomes.push(ImportedRecord::refused(Vec::new()));
            }
        }
    }
    let mut failed = None;
    for (at, outcome) in places.into_iter().zip(state.lifecycle.import(keys).await) {
        outcomes[at] = match outcome {
            Ok(Imported::Made(token)) => {
                caller.record(Object::token(&token), Change::made(&*token));
                ImportedRecord::made(token.id)
            }
            Ok(Imported::There(id)) => ImportedRecord::there(id),
            Ok(Imported::Deleted(id, at)) => ImportedRecord::refused(deleted(id, at)),
            // That the store takes no changes is no fault of the key.
            Err(error @ LifecycleError::Store(_)) => {
                failed = failed.or(Some(error));
                continue;
            }
            Err(error) => ImportedRecord::refused(told(error.into())),
        };
    }
    // Those that were made stay; whoever asks again is told that they are there.
    failed.map_or(Ok(outcomes), |error| Err(error.into()))
}

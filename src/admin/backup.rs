//! A copy of the whole store. Another one cannot be begun while it is read, and the store remembers for it
//! what is changed meanwhile.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use super::Shared;
use super::caller::Caller;
use super::pieces::{self, Source};
use super::refusal::Refusal;
use crate::audit::{Change, Object, ObjectKind};
use crate::store::{Export, MEDIA_TYPE};

pub(super) async fn download(State(state): State<Shared>, caller: Caller) -> Result<Response, Refusal> {
    let export = state.backups.begin(state.lifecycle.clock().wall()).await?;
    let revision = export.head().revision.0;
    caller.record(Object::whole(ObjectKind::Store), Change::noted([("revision", revision.into())]));
    Ok(([(CONTENT_TYPE, MEDIA_TYPE)], pieces::body(export)).into_response())
}

impl Source for Export {
    const NAME: &'static str = "a backup";

    async fn next(mut self) -> Result<Option<(Self, Vec<u8>)>, String> {
        let lines = Export::next(&mut self).await.map_err(|error| error.to_string())?;
        Ok(lines.map(|lines| (self, lines)))
    }
}

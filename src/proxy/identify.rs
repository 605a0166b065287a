//! Who asks: the credential of a request → the principal of its token.

use std::sync::Arc;

use http::Request;

use super::carriers::{self, Carriers};
use super::record::RequestRecord;
use super::reject::Rejection;
use super::worker::Worker;
use crate::auth::{CredentialError, Principal, Source, Verdict};
use crate::telemetry::CacheResult;

/// Who proved to hold a token.
pub(super) struct Identified {
    pub(super) principal: Arc<Principal>,
    /// The token came in the query, so that the address of the answer is a secret.
    pub(super) in_query: bool,
}

pub(super) async fn identify<B>(
    worker: &Worker,
    record: &mut RequestRecord,
    carriers: Option<&Carriers>,
    request: &Request<B>,
) -> Result<Identified, Rejection> {
    let credential = carriers::find(carriers, request).map_err(|rejection| count(worker, record, rejection))?;
    let (source, verdict) = worker.verifier().verify(&credential.text).await;
    match source {
        Source::Cache => worker.metrics().cache_lookup(CacheResult::Hit),
        Source::Negative => worker.metrics().cache_lookup(CacheResult::Negative),
        Source::Store => worker.metrics().cache_lookup(CacheResult::Miss),
        Source::Text => {}
    }
    match verdict {
        Ok(Verdict::Known(principal)) => {
            record.known(&principal);
            Ok(Identified { principal, in_query: credential.in_query })
        }
        Ok(Verdict::Unknown) => Err(count(worker, record, Rejection::Unknown)),
        Ok(Verdict::NotAToken(error)) => Err(count(worker, record, Rejection::NotAToken(error))),
        Err(_) => Err(Rejection::StoreAway),
    }
}

/// What is answered to a token that is none: that it is, or, where that was said too often, to wait.
fn count(worker: &Worker, record: &RequestRecord, rejection: Rejection) -> Rejection {
    let is_wrong = match &rejection {
        Rejection::Credential { error, .. } => *error == CredentialError::Malformed,
        Rejection::NotAToken(_) | Rejection::Unknown => true,
        _ => false,
    };
    let Some(guard) = worker.proxy().guard.as_ref().filter(|_| is_wrong) else { return rejection };
    guard.failed(record.client).map_or_else(|wait| Rejection::TooManyFailures { wait }, |()| rejection)
}

//! The public keys of who reports leaks: from a file or a URL, remembered, and looked for again where one is
//! unknown, but not more than once a minute, whoever asks.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http::header::{ACCEPT, HeaderValue, IF_NONE_MATCH};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::signature::{PublicKey, SignatureFault};
use crate::model::Clock;
use crate::outbound::{self, OutboundError, Target};

/// Between two looks for a key that is not known.
const PAUSE: Duration = Duration::from_secs(60);
/// After this long keys are looked for again, so that one that was withdrawn is not believed for ever.
const OLD: Duration = Duration::from_secs(86_400);
const LIMIT: Duration = Duration::from_secs(10);
/// Of a document, and of the keys in it: many times what there is.
const MOST_BYTES: usize = 256 * 1024;
const MOST_KEYS: usize = 100;
const MOST_ID: usize = 128;

/// Where keys are.
#[derive(Clone)]
pub enum KeySource {
    File(PathBuf),
    Url(Target),
}

/// Why a body cannot be believed.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    #[error("there is no key with this identifier")]
    Unknown,
    #[error("the keys cannot be had: {0}")]
    Unavailable(String),
    #[error("the signature does not hold: {0}")]
    Signature(#[from] SignatureFault),
}

/// The keys that are known. Cheap to clone.
#[derive(Clone)]
pub struct Keys {
    source: Arc<KeySource>,
    clock: Clock,
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    keys: HashMap<String, PublicKey>,
    etag: Option<HeaderValue>,
    /// When the source was asked last, and whether it answered.
    asked: Option<Instant>,
    had: Option<Instant>,
    problem: Option<String>,
}

/// As GitHub's `meta/public_keys/secret_scanning` answers.
#[derive(Deserialize)]
struct Document {
    public_keys: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    key_identifier: String,
    key: String,
}

impl Keys {
    pub fn new(source: KeySource, clock: Clock) -> Self {
        Self { source: Arc::new(source), clock, known: Arc::default() }
    }

    /// Whether there is a key with this identifier; asked before a body is read.
    pub async fn check(&self, id: &str) -> Result<(), KeysError> {
        self.find(id).await.map(drop)
    }

    pub async fn verify(&self, id: &str, body: &[u8], signature: &str) -> Result<(), KeysError> {
        Ok(self.find(id).await?.verify(body, signature)?)
    }

    async fn find(&self, id: &str) -> Result<PublicKey, KeysError> {
        if id.is_empty() || id.len() > MOST_ID {
            return Err(KeysError::Unknown);
        }
        // One asks the source, and the others wait for what it finds.
        let mut known = self.known.lock().await;
        let now = self.clock.mono();
        let older = |at: Option<Instant>, than| at.is_none_or(|at| now.saturating_duration_since(at) >= than);
        let is_due = !known.keys.contains_key(id) || older(known.had, OLD);
        if is_due && older(known.asked, PAUSE) {
            known.asked = Some(now);
            match self.ask(&mut known).await {
                Ok(()) => (known.had, known.problem) = (Some(now), None),
                Err(problem) => {
                    tracing::warn!(target: "keygate::leak", %problem, "the keys of those who report leaks cannot be had");
                    known.problem = Some(problem);
                }
            }
        }
        match (known.keys.get(id), &known.problem) {
            (Some(key), _) => Ok(key.clone()),
            (None, Some(problem)) => Err(KeysError::Unavailable(problem.clone())),
            (None, None) => Err(KeysError::Unknown),
        }
    }

    async fn ask(&self, known: &mut Known) -> Result<(), String> {
        let document = match &*self.source {
            KeySource::File(path) => {
                let path = path.clone();
                let reading = tokio::task::spawn_blocking(move || std::fs::read(path));
                reading.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?
            }
            KeySource::Url(target) => {
                let Some((body, etag)) = fetch(target, known.etag.clone()).await? else { return Ok(()) };
                known.etag = etag;
                body.to_vec()
            }
        };
        known.keys = parse(&document)?;
        Ok(())
    }
}

/// `None`: nothing has changed.
async fn fetch(target: &Target, etag: Option<HeaderValue>) -> Result<Option<(Bytes, Option<HeaderValue>)>, String> {
    let mut request = Request::new(Bytes::new());
    request.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
    let is_conditional = etag.is_some();
    if let Some(etag) = etag {
        request.headers_mut().insert(IF_NONE_MATCH, etag);
    }
    let answer = outbound::send(target, request, MOST_BYTES, LIMIT).await;
    let answer = answer.map_err(|error: OutboundError| error.to_string())?;
    match answer.status {
        304 if is_conditional => Ok(None),
        200 if answer.is_whole => Ok(Some((answer.body, answer.etag))),
        200 => Err("the document is too large".to_owned()),
        status => Err(format!("it answered {status}")),
    }
}

/// Every key on the right curve; others are left out.
fn parse(document: &[u8]) -> Result<HashMap<String, PublicKey>, String> {
    let document: Document = serde_json::from_slice(document).map_err(|_| "this is no list of keys".to_owned())?;
    let entries = document.public_keys.into_iter().take(MOST_KEYS);
    let keys = entries.filter_map(|entry| Some((entry.key_identifier, PublicKey::from_pem(&entry.key)?)));
    Ok(keys.collect())
}

//! Creations: asked for once more where the answer does not come, and made once.

use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};
use serde_json::Value;

use super::super::failure::Failure;
use super::{Answer, Client, runtime};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Between tries.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(2)];

impl Client {
    /// Has something made, once, however often that has to be tried: `key` tells the server that it is the same
    /// request, and is made up where none is given.
    pub(in crate::cli) fn create(&self, path: &str, body: Option<&Value>, key: Option<&str>) -> Result<Value, Failure> {
        let key = key.map_or_else(|| uuid::Uuid::now_v7().to_string(), str::to_owned);
        let value = HeaderValue::from_str(&key)
            .map_err(|_| Failure::usage("--idempotency-key: it cannot stand in a header"))?;
        let (mut pauses, mut may_be_made) = (PAUSES.iter(), false);
        loop {
            let mut request = self.request(Method::POST, path, body)?;
            request.headers_mut().insert(IDEMPOTENCY_KEY, value.clone());
            let sent = runtime()?.block_on(async {
                let stream = self.connect().await?;
                may_be_made = true;
                self.converse(stream, request).await
            });
            let comes_again = match &sent {
                Ok(answer) => answer.status == 409 && answer.problem_is("idempotency_in_progress"),
                Err(_) => may_be_made,
            };
            let Some(pause) = pauses.next().filter(|_| comes_again) else {
                may_be_made = sent.as_ref().map_or(may_be_made, |answer| answer.status >= 500 && answer.status != 507);
                let made = sent.and_then(|answer| self.document(&answer));
                return made.map_err(|failure| if may_be_made { unknown(failure, &key) } else { failure });
            };
            std::thread::sleep(*pause);
        }
    }
}

impl Answer {
    fn problem_is(&self, code: &str) -> bool {
        serde_json::from_slice::<Value>(&self.body).is_ok_and(|problem| problem["code"] == code)
    }
}

/// What may have been made all the same is got by its key.
fn unknown(failure: Failure, key: &str) -> Failure {
    failure.hint(format!(
        "whether it was made is not known: run it again with --idempotency-key {key}, and it is made once"
    ))
}

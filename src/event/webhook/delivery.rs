//! One attempt to deliver a message.

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Request};

use super::line::{Line, Message};
use super::signature;
use super::status::{Attempt, Outcome};
use crate::outbound;

const ID: HeaderName = HeaderName::from_static("webhook-id");
const TIMESTAMP: HeaderName = HeaderName::from_static("webhook-timestamp");
const SIGNATURE: HeaderName = HeaderName::from_static("webhook-signature");

/// What is read of an answer, which nobody looks at: enough to let a receiver finish.
const MOST_READ: usize = 16 * 1024;
/// Characters of a reason. A certificate that is refused may put in it what it likes.
const MOST_SHOWN: usize = 300;

impl Line {
    pub(super) async fn attempt(&self, message: &Message) -> Attempt {
        let begun = self.clock.mono();
        let options = &self.options;
        let sent = outbound::send(&options.target, self.request(message), MOST_READ, options.timeout).await;
        let failed = |status, reason| Outcome::Failed { status, reason, wait: None };
        let outcome = match sent {
            Err(error) => failed(None, readable(&error.to_string())),
            Ok(answer) => match answer.status {
                200..=299 => Outcome::Delivered(answer.status),
                410 => Outcome::Gone,
                300..=399 => {
                    failed(Some(answer.status), format!("it answered {}: no redirect is followed", answer.status))
                }
                status => Outcome::Failed {
                    status: Some(status),
                    reason: format!("it answered {status}"),
                    wait: answer.retry_after,
                },
            },
        };
        Attempt { outcome, took: self.clock.mono().saturating_duration_since(begun) }
    }

    fn request(&self, message: &Message) -> Request<bytes::Bytes> {
        let timestamp = self.clock.wall().secs();
        let signature = signature::header(&self.options.secrets, &message.id, timestamp, &message.body);
        let mut request = Request::new(message.body.clone());
        *request.method_mut() = Method::POST;
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT, HeaderValue::from_static("*/*"));
        let ascii = |text: &str| HeaderValue::try_from(text).expect("ids and Base64 are ASCII");
        headers.insert(ID, ascii(&message.id));
        headers.insert(TIMESTAMP, HeaderValue::from(timestamp));
        headers.insert(SIGNATURE, ascii(&signature));
        request
    }
}

fn readable(reason: &str) -> String {
    reason.chars().filter(|c| !c.is_control()).take(MOST_SHOWN).collect()
}

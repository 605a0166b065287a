//! Cross-origin requests (Fetch standard, CORS protocol): what a browser asks before it sends one, and
//! what an answer says of who may read it.
//!
//! A browser never sends a token with its question. So the question has a way of its own through the
//! gateway; and what the gateway itself refuses has to say that the page may read the refusal.

use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use hyper::body::Body;

const TRUE: HeaderValue = HeaderValue::from_static("true");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// What becomes of a browser's question on a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Preflight {
    /// The upstream answers it; it takes no token.
    #[default]
    Pass,
    /// The gateway answers it, and says on every answer who may read it.
    Answer,
    /// It takes a token like any other request.
    Authenticate,
}

/// Whose pages may read a route's answers, and what they may send.
#[derive(Debug, Clone)]
pub struct Cors {
    pub origins: Origins,
    /// Comma-separated lists.
    pub methods: HeaderValue,
    pub headers: HeaderValue,
    pub exposed: HeaderValue,
    /// Seconds that a browser may remember an answer to its question.
    pub max_age: u64,
    /// Whether requests may have cookies and client certificates.
    pub credentials: bool,
}

/// The origins that may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    Any,
    /// As browsers write them.
    These(Vec<HeaderValue>),
}

/// The method that a browser asks about. Exactly that question and nothing that merely looks like it: what
/// has a body or lacks one of the two headers is an ordinary OPTIONS.
pub(super) fn asked_method<B: Body>(request: &Request<B>) -> Option<Method> {
    if request.method() != Method::OPTIONS || !request.body().is_end_stream() {
        return None;
    }
    only(request.headers(), &ORIGIN)?;
    let method = only(request.headers(), &ACCESS_CONTROL_REQUEST_METHOD)?;
    Method::from_bytes(method.as_bytes()).ok()
}

/// The page that asks, where exactly one is named.
pub(super) fn origin(headers: &HeaderMap) -> Option<HeaderValue> {
    only(headers, &ORIGIN).cloned()
}

impl Cors {
    /// The answer to a browser's question. Where the origin is none of those it says nothing, and the
    /// browser refuses; which methods and headers are allowed is told, and the browser compares.
    pub(super) fn answer(&self, origin: Option<&HeaderValue>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if self.allow(origin, &mut headers) {
            headers.insert(ACCESS_CONTROL_ALLOW_METHODS, self.methods.clone());
            headers.insert(ACCESS_CONTROL_ALLOW_HEADERS, self.headers.clone());
            headers.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(self.max_age));
        }
        for name in [ACCESS_CONTROL_REQUEST_METHOD, ACCESS_CONTROL_REQUEST_HEADERS] {
            headers.append(VARY, HeaderValue::from(name));
        }
        headers
    }

    /// Writes into an answer who may read it, over whatever it says of that.
    pub(super) fn mark(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) {
        const OURS: [HeaderName; 3] =
            [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS];
        for name in OURS {
            headers.remove(name);
        }
        if self.allow(origin, headers) {
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, self.exposed.clone());
        }
    }

    /// Whether the origin may read; says so.
    fn allow(&self, origin: Option<&HeaderValue>, headers: &mut HeaderMap) -> bool {
        let allowed = match &self.origins {
            Origins::Any => origin.map(|_| ANY),
            Origins::These(origins) => {
                // A cache must not give one page's answer to another.
                headers.append(VARY, HeaderValue::from(ORIGIN));
                origin.filter(|origin| origins.contains(origin)).cloned()
            }
        };
        let Some(allowed) = allowed else { return false };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        if self.credentials {
            headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, TRUE);
        }
        true
    }
}

/// The value of a header that stands there exactly once and says something.
fn only<'headers>(headers: &'headers HeaderMap, name: &HeaderName) -> Option<&'headers HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next().filter(|value| !value.is_empty())?;
    lines.next().is_none().then_some(first)
}

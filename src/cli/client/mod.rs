//! A small HTTP client for the admin API: one connection a request, with time limits.
//!
//! Turns every outcome but success into a [`Failure`] that says whom it could not reach, or what that
//! one refused.

mod download;
mod endpoint;
mod once;
mod tls;

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, RETRY_AFTER, USER_AGENT};
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, UnixStream};
use tokio::runtime::Runtime;
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::Environment;
use super::args::AdminArgs;
use super::credential::{self, Credential};
use super::exit::Exit;
use super::failure::Failure;
use super::stored::Stored;
use super::terminal::Terminal;
use endpoint::Endpoint;
pub(super) use tls::Trust;

pub(super) const DEFAULT_URL: &str = "http://127.0.0.1:9901";
const MAX_ANSWER: usize = 64 << 20;
const NOT_THE_ADMIN_API: &str = "is this the admin API of a keygate? see --admin-url";

/// How long each part of a request may take.
#[derive(Debug, Clone, Copy)]
struct Limits {
    connect: Duration,
    answer: Duration,
}

const LIMITS: Limits = Limits { connect: Duration::from_secs(5), answer: Duration::from_secs(30) };

/// Speaks to one admin API as one token.
pub(super) struct Client {
    endpoint: Endpoint,
    token: Option<Zeroizing<String>>,
    trust: Trust,
    limits: Limits,
}

impl Client {
    /// As the global options and the environment say, with the token that they name.
    pub(super) fn new(
        args: &AdminArgs,
        environment: &Environment,
        terminal: &mut Terminal<'_>,
    ) -> Result<Client, Failure> {
        let client = match credential::find(args, environment, terminal)? {
            Credential::Named(token) => {
                let client = Client::anonymous(&url(args, environment), Trust::of(args.ca.as_deref()))?;
                Client { token: Some(token), ..client }
            }
            Credential::Stored(stored) => {
                let client = Client::of_session(&stored)?;
                let asked =
                    named_url(args, environment).map(|url| Client::anonymous(&url, Trust::System)).transpose()?;
                // A token goes to nobody but who gave it.
                if let Some(asked) = asked.filter(|asked| asked.endpoint != client.endpoint) {
                    let cause = format!("the session of `keygate login` is for {}, not {}", client.url(), asked.url());
                    return Err(Failure::new(Exit::Authentication, cause)
                        .hint("log in there, or name a token with --token-file or KEYGATE_ADMIN_TOKEN"));
                }
                let trust = args.ca.as_deref().map(|path| Trust::of(Some(path)));
                Client { trust: trust.unwrap_or(client.trust), ..client }
            }
        };
        client.warn_of_exposure("token", terminal);
        Ok(client)
    }

    /// As the global options and the environment say, without a token: for who has a password or an invitation.
    pub(super) fn stranger(
        args: &AdminArgs,
        environment: &Environment,
        terminal: &mut Terminal<'_>,
    ) -> Result<Client, Failure> {
        let client = Client::anonymous(&url(args, environment), Trust::of(args.ca.as_deref()))?;
        client.warn_of_exposure("password", terminal);
        Ok(client)
    }

    /// At the place and with the token of a session that was kept.
    pub(super) fn of_session(stored: &Stored) -> Result<Client, Failure> {
        let client = Client::anonymous(&stored.admin_url, Trust::of(stored.ca.as_deref()))?;
        Ok(Client { token: Some(stored.token.clone()), ..client })
    }

    /// The same place, with the token of this session.
    pub(super) fn as_session(&self, stored: &Stored) -> Client {
        let (endpoint, trust) = (self.endpoint.clone(), self.trust.clone());
        Client { endpoint, trust, token: Some(stored.token.clone()), limits: self.limits }
    }

    /// The same, for a call that does much.
    pub(super) fn patient(self) -> Client {
        Client { limits: Limits { answer: Duration::from_secs(600), ..self.limits }, ..self }
    }

    /// The admin URL.
    pub(super) fn url(&self) -> String {
        self.endpoint.url()
    }

    fn warn_of_exposure(&self, what: &str, terminal: &mut Terminal<'_>) {
        if self.endpoint.exposes_the_token() {
            terminal.note(&format!("warning: the {what} goes to {} in the clear; use https\n", self.endpoint.url()));
        }
    }

    /// Without a token, for what needs none.
    pub(super) fn anonymous(url: &str, trust: Trust) -> Result<Client, Failure> {
        Ok(Client { endpoint: url.parse().map_err(Failure::usage)?, token: None, trust, limits: LIMITS })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None)
    }

    pub(super) fn post(&self, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.call(Method::POST, path, body)
    }

    /// One field of a form, whose value is a secret.
    pub(super) fn post_form(&self, path: &str, (name, value): (&str, &str)) -> Result<Value, Failure> {
        let mut request = self.request(Method::POST, path, None)?;
        *request.body_mut() = Full::new(Bytes::from(format!("{name}={}", encode(value))));
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(CONTENT_TYPE, form);
        self.document(&runtime()?.block_on(self.exchange(request))?)
    }

    pub(super) fn patch(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(Method::PATCH, path, Some(body))
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value, Failure> {
        self.call(Method::PUT, path, Some(body))
    }

    pub(super) fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::DELETE, path, None)
    }

    /// A part of a list.
    pub(super) fn page(&self, path: &str) -> Result<Page, Failure> {
        let mut answer = self.get(path)?;
        let next = answer["next"].as_str().map(str::to_owned);
        match answer["items"].take() {
            Value::Array(items) => Ok(Page { items, next }),
            _ => Err(Failure::failed("the answer is no list: it has no `items`").hint(NOT_THE_ADMIN_API)),
        }
    }

    /// The answer's document; null where a success has none.
    fn call(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value, Failure> {
        self.document(&self.send(method, path, body)?)
    }

    pub(super) fn document(&self, answer: &Answer) -> Result<Value, Failure> {
        if !(200..300).contains(&answer.status) {
            return Err(Failure::of_answer(answer.status, &answer.body, answer.retry_after.as_deref()));
        }
        if answer.body.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&answer.body).map_err(|_| {
            Failure::failed(format!(
                "{} answered {} with something that is not JSON",
                self.endpoint.url(),
                answer.status
            ))
            .hint(NOT_THE_ADMIN_API)
        })
    }

    /// Sends one request and reads the whole answer, whatever its status.
    pub(super) fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, Failure> {
        runtime()?.block_on(self.exchange(self.request(method, path, body)?))
    }

    fn request(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Request<Full<Bytes>>, Failure> {
        let mut request = Request::new(Full::new(Bytes::from(body.map(Value::to_string).unwrap_or_default())));
        let target = self.endpoint.target(path);
        *request.uri_mut() =
            target.parse().map_err(|_| Failure::usage(format!("`{target}` is no path of the admin API")))?;
        *request.method_mut() = method;
        let headers = request.headers_mut();
        headers.insert(HOST, self.endpoint.host_header());
        headers.insert(ACCEPT, HeaderValue::from_static("application/json, application/problem+json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("keygate/", env!("CARGO_PKG_VERSION"))));
        if body.is_some() {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(token) = &self.token {
            let bearer = Zeroizing::new(format!("Bearer {}", token.as_str()));
            let mut bearer = HeaderValue::from_str(&bearer)
                .map_err(|_| Failure::new(Exit::Authentication, "the token cannot stand in a header"))?;
            bearer.set_sensitive(true);
            headers.insert(AUTHORIZATION, bearer);
        }
        Ok(request)
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let stream = self.connect().await?;
        self.converse(stream, request).await
    }

    async fn converse(&self, stream: Box<dyn Duplex>, request: Request<Full<Bytes>>) -> Result<Answer, Failure> {
        let changes = request.method() != Method::GET;
        let conversation = async { read(send(stream, request).await?).await };
        within(self.limits.answer, conversation).await.map_err(|why| {
            let failure = self.unreachable(&why);
            if changes { failure.hint("whether it was done is not known: look before you try again") } else { failure }
        })
    }

    async fn connect(&self) -> Result<Box<dyn Duplex>, Failure> {
        if let Some(path) = self.endpoint.socket() {
            let connecting = async { Ok(UnixStream::connect(path).await?) };
            let stream = within(self.limits.connect, connecting).await.map_err(|why| self.unreachable(&why))?;
            return Ok(Box::new(stream));
        }
        let connecting = async {
            let stream = TcpStream::connect((self.endpoint.host(), self.endpoint.port())).await?;
            stream.set_nodelay(true)?;
            Ok(stream)
        };
        let stream = within(self.limits.connect, connecting).await.map_err(|why| self.unreachable(&why))?;
        if !self.endpoint.is_tls() {
            return Ok(Box::new(stream));
        }
        let securing = tls::secure(stream, self.endpoint.host(), &self.trust);
        let stream = timeout(self.limits.connect, securing)
            .await
            .unwrap_or_else(|_| Err(Failure::new(Exit::Unreachable, "TLS: no answer to the handshake")))
            .map_err(|failure| failure.about(&format!("cannot reach {}", self.endpoint.url())))?;
        Ok(Box::new(stream))
    }

    fn unreachable(&self, why: &str) -> Failure {
        Failure::new(Exit::Unreachable, format!("cannot reach {}: {why}", self.endpoint.url()))
            .hint("is `keygate run` up, and is this its admin listener? --admin-url or KEYGATE_ADMIN_URL names another")
    }
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub body: Bytes,
    retry_after: Option<String>,
}

impl Answer {
    /// How long the server asks to wait.
    pub(super) fn wait(&self) -> Option<Duration> {
        self.retry_after.as_deref()?.trim().parse().ok().map(Duration::from_secs)
    }
}

/// A part of a list, and where the next one starts.
pub(super) struct Page {
    pub items: Vec<Value>,
    pub next: Option<String>,
}

/// A connection, plain or secured.
trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

type AnyError = Box<dyn std::error::Error + Send + Sync>;

fn runtime() -> Result<Runtime, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| Failure::failed(format!("cannot start the client: {error}")))
}

/// The answer's head; its body comes over the same connection.
async fn send(stream: Box<dyn Duplex>, request: Request<Full<Bytes>>) -> Result<http::Response<Incoming>, AnyError> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the runtime, which lives for this one request.
    tokio::spawn(connection);
    Ok(sender.send_request(request).await?)
}

async fn read(response: http::Response<Incoming>) -> Result<Answer, AnyError> {
    let (parts, body) = response.into_parts();
    let retry_after = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
    Ok(Answer { status: parts.status.as_u16(), body, retry_after })
}

/// Runs the work with a time limit; the error is the innermost cause, in words.
async fn within<T>(limit: Duration, work: impl Future<Output = Result<T, AnyError>>) -> Result<T, String> {
    match timeout(limit, work).await {
        Ok(done) => done.map_err(|error| innermost(&*error)),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs_f32())),
    }
}

fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    error.source().map_or_else(|| error.to_string(), innermost)
}

/// `--admin-url`, else `KEYGATE_ADMIN_URL`, else the default.
pub(super) fn url(args: &AdminArgs, environment: &Environment) -> String {
    named_url(args, environment).unwrap_or_else(|| DEFAULT_URL.to_owned())
}

fn named_url(args: &AdminArgs, environment: &Environment) -> Option<String> {
    let variable = || environment.get("KEYGATE_ADMIN_URL").filter(|url| !url.is_empty()).cloned();
    args.admin_url.clone().or_else(variable)
}

/// The path with those parameters that have a value.
pub(super) fn with_query(path: &str, parameters: &[(&str, Option<&str>)]) -> String {
    let given = parameters.iter().filter_map(|(key, value)| Some(format!("{key}={}", encode((*value)?))));
    let query = given.collect::<Vec<_>>().join("&");
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Percent-encoding of a query's value (RFC 3986 section 2.1).
fn encode(value: &str) -> String {
    value.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            _ => out.push_str(&format!("%{byte:02X}")),
        }
        out
    })
}

impl Trust {
    fn of(ca: Option<&Path>) -> Trust {
        ca.map_or(Trust::System, |path| Trust::Authorities(path.to_owned()))
    }
}

#[cfg(test)]
pub(super) mod tests;

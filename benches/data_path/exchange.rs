//! One request on one connection, however a target is spoken to: enough to probe it and to make tokens.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::TlsConnector;

use crate::Outcome;

const PATIENCE: Duration = Duration::from_secs(10);

/// How a target is spoken to.
#[derive(Debug, Clone)]
pub struct Door {
    pub port: u16,
    /// Over TLS, where it has a certificate.
    pub tls: Option<Arc<ClientConfig>>,
    pub http2: bool,
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: String,
}

impl Answer {
    /// Enough of its body to see what it is.
    pub fn start(&self) -> String {
        self.body.chars().take(200).collect()
    }
}

impl Door {
    /// HTTP/1.1 without TLS.
    pub fn plain(port: u16) -> Self {
        Self { port, tls: None, http2: false }
    }

    /// Where a load finds `path`.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}{path}", self.port)
    }

    pub fn exchange(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Outcome<Answer> {
        if self.http2 {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            return runtime.block_on(async {
                tokio::time::timeout(PATIENCE, self.exchange_over_http2(method, path, token, body)).await?
            });
        }
        let stream = TcpStream::connect(("127.0.0.1", self.port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        match &self.tls {
            None => self.exchange_over(stream, method, path, token, body),
            Some(tls) => {
                let connection = ClientConnection::new(Arc::clone(tls), ServerName::try_from("localhost")?)?;
                self.exchange_over(StreamOwned::new(connection, stream), method, path, token, body)
            }
        }
    }

    fn exchange_over(
        &self,
        mut stream: impl Read + Write,
        method: &str,
        path: &str,
        token: Option<&str>,
        body: &str,
    ) -> Outcome<Answer> {
        let credential = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
        let (port, length) = (self.port, body.len());
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n{credential}\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        let (head, body) = text.split_once("\r\n\r\n").ok_or("an answer without an end of its head")?;
        let status = head.split(' ').nth(1).ok_or("an answer without a status")?.parse()?;
        Ok(Answer { status, body: body.to_owned() })
    }

    async fn exchange_over_http2(&self, method: &str, path: &str, token: Option<&str>, body: &str) -> Outcome<Answer> {
        let stream = tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await?;
        let mut request = Request::builder().method(method).uri(self.url(path));
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request.body(Full::new(Bytes::copy_from_slice(body.as_bytes())))?;
        match &self.tls {
            None => send(stream, request).await,
            Some(tls) => {
                let mut tls = ClientConfig::clone(tls);
                tls.alpn_protocols = vec![b"h2".to_vec()];
                let stream = TlsConnector::from(Arc::new(tls)).connect(ServerName::try_from("localhost")?, stream);
                send(stream.await?, request).await
            }
        }
    }
}

async fn send(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    request: Request<Full<Bytes>>,
) -> Outcome<Answer> {
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    let driven = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await?.to_bytes();
    driven.abort();
    Ok(Answer { status, body: String::from_utf8(body.to_vec())? })
}

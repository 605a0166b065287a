//! The API behind the demo's gateway: devices in memory, on a port and a thread of its own.
//!
//! Knows nothing of tokens: it answers whoever reaches it, as the APIs do that a gateway protects.

use std::collections::BTreeMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use http::header::LOCATION;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde_json::json;
use tokio::sync::oneshot;

use super::devices::{Devices, Refused, missing};

/// A running upstream; stops when it is dropped.
pub(super) struct Upstream {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upstream {
    /// On a free port of the loopback interface.
    pub(super) fn start() -> io::Result<Upstream> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let serving = thread::Builder::new().name("demo-upstream".to_owned());
        let thread = serving.spawn(move || runtime.block_on(serve(listener, stopped)))?;
        Ok(Upstream { address, stop: Some(stop), thread: Some(thread) })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Until the sender of `stopped` is gone; connections end with the runtime.
async fn serve(listener: TcpListener, mut stopped: oneshot::Receiver<()>) {
    let listener = match tokio::net::TcpListener::from_std(listener) {
        Ok(listener) => listener,
        Err(error) => return tracing::error!("the demo's upstream cannot listen: {error}"),
    };
    let service = TowerToHyperService::new(router());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = &mut stopped => return,
        };
        match accepted {
            Ok((stream, _)) => {
                let service = service.clone();
                tokio::spawn(async move {
                    // What a broken connection did not get, nobody else can be told.
                    let _ =
                        auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
            // Out of file descriptors, most likely: more of them are free in a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}

type Shared = Arc<Mutex<Devices>>;

fn router() -> Router {
    let all = get(list).post(create);
    let one = get(show).put(replace).patch(merge).delete(delete);
    Router::new()
        .route("/v1/devices", all)
        .route("/v1/devices/search", post(search))
        .route("/v1/devices/{id}", one)
        .fallback(async || Refused(StatusCode::NOT_FOUND, "the devices are at /v1/devices".to_owned()))
        .method_not_allowed_fallback(async || {
            Refused(StatusCode::METHOD_NOT_ALLOWED, "this path does not know the method".to_owned())
        })
        .with_state(Arc::new(Mutex::new(Devices::with_samples())))
}

async fn list(
    State(devices): State<Shared>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Response, Refused> {
    let wrong = |_| Refused(StatusCode::BAD_REQUEST, "`limit` must be a whole number".to_owned());
    let limit = query.get("limit").map(|limit| limit.parse()).transpose().map_err(wrong)?;
    Ok(Json(lock(&devices).list(limit)).into_response())
}

async fn search(State(devices): State<Shared>, body: Bytes) -> Result<Response, Refused> {
    Ok(Json(lock(&devices).search(&body)?).into_response())
}

async fn create(State(devices): State<Shared>, body: Bytes) -> Result<Response, Refused> {
    let (id, device) = lock(&devices).create(&body)?;
    Ok((StatusCode::CREATED, [(LOCATION, format!("/v1/devices/{id}"))], Json(device)).into_response())
}

async fn show(State(devices): State<Shared>, Path(id): Path<String>) -> Result<Response, Refused> {
    Ok(Json(lock(&devices).get(number(&id)?)?).into_response())
}

async fn replace(State(devices): State<Shared>, Path(id): Path<String>, body: Bytes) -> Result<Response, Refused> {
    Ok(Json(lock(&devices).replace(number(&id)?, &body)?).into_response())
}

async fn merge(State(devices): State<Shared>, Path(id): Path<String>, body: Bytes) -> Result<Response, Refused> {
    Ok(Json(lock(&devices).merge(number(&id)?, &body)?).into_response())
}

async fn delete(State(devices): State<Shared>, Path(id): Path<String>) -> Result<Response, Refused> {
    lock(&devices).delete(number(&id)?)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// What is no number is no device's id either.
fn number(id: &str) -> Result<u64, Refused> {
    id.parse().map_err(|_| missing())
}

/// A panic while it was held leaves the records as they were: every change is one insertion.
fn lock(devices: &Shared) -> MutexGuard<'_, Devices> {
    devices.lock().unwrap_or_else(PoisonError::into_inner)
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Refused(status, why) = self;
        (status, Json(json!({"error": why}))).into_response()
    }
}

#[cfg(test)]
mod tests;

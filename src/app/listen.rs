//! The accept loop. What strangers can hold open is bounded: how many connections in all and from one address, how long a request's head may
//! take, how large it may be. HTTP/1.1 only, because that is what browsers and proxies speak to a plain port.
//!
//! ```text
//! accept ─► a place? ─no─► closed at once            (all places taken, or too many from this address)
//!             │ yes
//!             └─► task: hyper, HTTP/1.1 ─► router    (the place is given back when the socket closes, upgraded or not)
//! ```

mod places;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::metrics;
use crate::realtime;
use places::{Place, Placed, Places};

pub(super) use places::places_for;

/// After an error of `accept` that says more than "this peer is gone": usually the process has no descriptors left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

/// What a connection may cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct ListenLimits {
    /// From the accept, or the end of the answer before, to the last byte of a request's head.
    pub(super) head_within: Duration,
    /// Largest head, in bytes. hyper takes no less than 8 KiB.
    pub(super) head_bytes: usize,
    /// Connections at once.
    pub(super) connections: usize,
    /// Connections at once from one address; `None` where one address stands for many people.
    pub(super) per_address: Option<usize>,
    /// Which listener, for metrics.
    pub(super) name: &'static str,
}

impl ListenLimits {
    /// The usual times and sizes, for this many connections.
    pub(super) fn new(name: &'static str, connections: usize, per_address: Option<usize>) -> Self {
        Self { head_within: Duration::from_secs(20), head_bytes: 64 * 1024, connections, per_address, name }
    }
}

/// Serves until `stopping`, then lets running requests finish. Owns every connection: dropping the future closes them all, but for upgraded ones,
/// which belong to whoever took them over.
pub(super) async fn serve(listener: TcpListener, router: Router, limits: ListenLimits, stopping: CancellationToken) -> io::Result<()> {
    let mut places = Places::new(limits.connections, limits.per_address);
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            () = stopping.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    match places.take(peer.ip()) {
                        Some(place) => drop(open.spawn(connection(socket, peer, place, router.clone(), limits, stopping.clone()))),
                        None => metrics::connection_refused(limits.name),
                    }
                    metrics::connections_open(limits.name, places.taken());
                }
                Err(error) => after_failed_accept(&error).await,
            },
            Some(_ended) = open.join_next() => metrics::connections_open(limits.name, places.taken()),
        }
    }
    drop(listener);
    while open.join_next().await.is_some() {}
    Ok(())
}

/// A peer that was gone before it was accepted is not our trouble; anything else waits a moment, so that the loop does not spin.
async fn after_failed_accept(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset) {
        tracing::error!(%error, "a connection can't be accepted; are there file descriptors left?");
        tokio::time::sleep(ACCEPT_AGAIN).await;
    }
}

async fn connection(socket: TcpStream, peer: SocketAddr, place: Place, router: Router, limits: ListenLimits, stopping: CancellationToken) {
    if let Err(error) = realtime::tune_socket(&socket) {
        tracing::debug!(%error, "a socket could not be tuned");
    }
    let service = service_fn(move |request| answer(router.clone(), peer, request));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_within)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(Placed::new(socket, place)), service)
        .with_upgrades();
    let mut connection = pin!(connection);
    // An error is the peer's: it went away, was too slow or spoke no HTTP. hyper has answered what could be answered.
    tokio::select! {
        _ = connection.as_mut() => return,
        () = stopping.cancelled() => connection.as_mut().graceful_shutdown(),
    }
    let _ = connection.await;
}

async fn answer(router: Router, peer: SocketAddr, mut request: Request<Incoming>) -> Result<Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request.map(Body::new)).await
}

#[cfg(test)]
mod tests;

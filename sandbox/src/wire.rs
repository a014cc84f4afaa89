//! What every simulated HTTP service needs from the wire: loopback only, a bounded number of connections, and a way
//! to cut one connection without an answer.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Once,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use axum::{
    extract::connect_info::Connected,
    serve::{IncomingStream, Listener},
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};

/// Enough for a server with a pool per worker; more waits in the kernel's backlog.
const MAX_CONNECTIONS: usize = 1024;

/// Why an address or URL was refused.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// A listener outside loopback was asked for.
    #[error("the sandbox listens on loopback only, not on {0}: use 127.0.0.1 or [::1]")]
    NotLoopback(SocketAddr),
    /// A URL that isn't `http(s)://<loopback host>…`.
    #[error("not a loopback URL such as http://127.0.0.1:3000: {0}")]
    BadUrl(String),
}

/// Refuses any listen address that others could reach.
pub fn require_loopback(address: SocketAddr) -> Result<(), WireError> {
    if address.ip().is_loopback() { Ok(()) } else { Err(WireError::NotLoopback(address)) }
}

/// Parses a URL and refuses every host outside loopback: a simulation never talks to the world.
pub fn loopback_url(text: &str) -> Result<reqwest::Url, WireError> {
    let bad = || WireError::BadUrl(text.chars().take(200).collect());
    let url = reqwest::Url::parse(text).map_err(|_| bad())?;
    let host = url.host_str().unwrap_or_default();
    if matches!(url.scheme(), "http" | "https") && is_loopback_host(host) { Ok(url) } else { Err(bad()) }
}

/// Tells whether a host name or literal means this machine.
pub fn is_loopback_host(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// The HTTP client of the simulated parties: no proxy, no redirects, never waits longer than `timeout`.
pub fn client(timeout: Duration) -> anyhow::Result<reqwest::Client> {
    static PROVIDER: Once = Once::new();
    // The process may have installed one already; then ours isn't needed.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
    Ok(reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(5))
        .timeout(timeout)
        .build()?)
}

/// A listener whose connections can be cut by the handler that serves them.
pub struct CuttableListener {
    inner: TcpListener,
    permits: Arc<Semaphore>,
}

impl CuttableListener {
    /// Binds a loopback address.
    pub async fn bind(address: SocketAddr) -> anyhow::Result<Self> {
        require_loopback(address)?;
        let inner = TcpListener::bind(address).await.map_err(|error| anyhow::anyhow!("can't listen on {address}: {error}"))?;
        Ok(Self { inner, permits: Arc::new(Semaphore::new(MAX_CONNECTIONS)) })
    }

    /// The address really bound.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.inner.local_addr()
    }
}

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = Peer;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        let (inner, address) = Listener::accept(&mut self.inner).await;
        let peer = Peer { address, cut: Arc::new(AtomicBool::new(false)) };
        (CuttableStream { inner, cut: Arc::clone(&peer.cut), _permit: permit }, peer)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        Ok(Peer { address: self.inner.local_addr()?, cut: Arc::new(AtomicBool::new(false)) })
    }
}

/// The other end of one connection, as a handler sees it.
#[derive(Clone, Debug)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    cut: Arc<AtomicBool>,
}

impl Peer {
    /// Whatever the handler answers from here on is not written; the connection just ends.
    pub fn cut(&self) {
        self.cut.store(true, Ordering::Release);
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.remote_addr().clone()
    }
}

/// One accepted connection; writing fails once it was cut, which makes the HTTP layer drop it.
pub struct CuttableStream {
    inner: TcpStream,
    cut: Arc<AtomicBool>,
    _permit: OwnedSemaphorePermit,
}

impl CuttableStream {
    fn check(&self) -> io::Result<()> {
        if self.cut.load(Ordering::Acquire) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_hosts_are_accepted() {
        for good in ["http://127.0.0.1:3000", "http://localhost:3000/x", "http://[::1]:1", "https://127.8.8.8"] {
            assert!(loopback_url(good).is_ok(), "{good}");
        }
        for bad in ["http://example.com", "http://10.0.0.1", "ftp://127.0.0.1", "127.0.0.1:3000", "", "http://0.0.0.0"] {
            assert!(loopback_url(bad).is_err(), "{bad}");
        }
        assert!(require_loopback(SocketAddr::from(([0, 0, 0, 0], 1))).is_err());
        assert!(require_loopback(SocketAddr::from(([192, 168, 1, 1], 1))).is_err());
        assert!(require_loopback(SocketAddr::from(([127, 0, 0, 1], 1))).is_ok());
    }
}

//! One link's connection as we see it from below: how far it came, whether anything is still heard, and the knife that cuts it
//! whatever the library holds on to.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::TunnelError;

/// How far the connection came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::whatsapp) enum Progress {
    /// The company's proxy is out of order, or doesn't let us out.
    NoWayOut,
    /// No TCP, TLS or WebSocket connection.
    Unconnected,
    /// A WebSocket connection, on which the service said nothing.
    Unanswered,
    /// The service said something.
    Answered {
        /// Time since it last did.
        silent_for: Duration,
        /// It closed the connection, or the network did.
        hung_up: bool,
    },
}

/// What is known about a link's connection; outlives it.
pub(in crate::whatsapp) struct Line {
    started: Instant,
    stream: OnceLock<Weak<TcpStream>>,
    no_tunnel: OnceLock<Arc<TunnelError>>,
    cut: AtomicBool,
    gone: CancellationToken,
    upgraded: AtomicBool,
    /// Milliseconds from `started` to the last bytes after the upgrade; 0 = none.
    heard_ms: AtomicU64,
    hung_up: AtomicBool,
}

impl Line {
    pub(in crate::whatsapp) fn new() -> Self {
        Self {
            started: Instant::now(),
            stream: OnceLock::new(),
            no_tunnel: OnceLock::new(),
            cut: AtomicBool::new(false),
            gone: CancellationToken::new(),
            upgraded: AtomicBool::new(false),
            heard_ms: AtomicU64::new(0),
            hung_up: AtomicBool::new(false),
        }
    }

    pub(in crate::whatsapp) fn progress(&self) -> Progress {
        if !self.upgraded.load(Ordering::Acquire) {
            let no_way_out = self.no_tunnel.get().is_some_and(|error| error.is_the_proxy());
            return if no_way_out { Progress::NoWayOut } else { Progress::Unconnected };
        }
        match self.heard_ms.load(Ordering::Acquire) {
            0 => Progress::Unanswered,
            heard => {
                let silent_for = self.started.elapsed().saturating_sub(Duration::from_millis(heard));
                Progress::Answered { silent_for, hung_up: self.hung_up.load(Ordering::Acquire) }
            }
        }
    }

    /// Why the company's proxy opened no connection, if it was asked and did not.
    pub(in crate::whatsapp) fn tunnel_error(&self) -> Option<&TunnelError> {
        self.no_tunnel.get().map(AsRef::as_ref)
    }

    /// Keeps why there is no connection: the library tells it to nobody.
    pub(super) fn no_tunnel(&self, error: TunnelError) -> Arc<TunnelError> {
        Arc::clone(self.no_tunnel.get_or_init(|| Arc::new(error)))
    }

    /// Closes the connection from below: every read and write on it ends at once.
    pub(in crate::whatsapp) fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        if let Some(stream) = self.stream.get().and_then(Weak::upgrade) {
            // Fails only when the peer was faster, which is what we want.
            let _ = socket2::SockRef::from(&*stream).shutdown(std::net::Shutdown::Both);
        }
    }

    /// Keeps the connection open below the library, until [`Line::hang_up`].
    pub(in crate::whatsapp) fn hold(&self) -> Option<Arc<TcpStream>> {
        self.stream.get().and_then(Weak::upgrade)
    }

    /// Ends a held connection in good order: says that nothing more comes, and waits until the service has closed its side. Closing
    /// with unread bytes would be a reset, which can take our last words from the service's hands.
    pub(in crate::whatsapp) async fn hang_up(stream: Arc<TcpStream>) {
        let _ = socket2::SockRef::from(&*stream).shutdown(std::net::Shutdown::Write);
        let mut unread = [0; 1024];
        while stream.readable().await.is_ok() {
            match stream.try_read(&mut unread) {
                Ok(0) => return,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
        }
    }

    /// Resolves when the connection, if there ever was one, is closed and released.
    pub(in crate::whatsapp) async fn gone(&self) {
        if self.stream.get().is_some() {
            self.gone.cancelled().await;
        }
    }

    /// Puts a fresh connection on the line. A link dials once: a second connection is refused.
    pub(super) fn connect(self: &Arc<Self>, stream: TcpStream, permit: Arc<OwnedSemaphorePermit>) -> io::Result<Stream> {
        let stream = Arc::new(stream);
        if self.stream.set(Arc::downgrade(&stream)).is_err() || self.cut.load(Ordering::SeqCst) {
            return Err(io::Error::other("the link has dialled before or is closed"));
        }
        Ok(Stream { stream, line: Arc::clone(self), _permit: permit })
    }

    pub(super) fn upgraded(&self) {
        self.upgraded.store(true, Ordering::Release);
    }

    fn heard(&self) {
        if self.upgraded.load(Ordering::Acquire) {
            let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.heard_ms.store(elapsed.max(1), Ordering::Release);
        }
    }
}

/// The TCP stream under TLS and WebSocket. Holds the company's permit: while it lives, no second link can dial.
pub(super) struct Stream {
    stream: Arc<TcpStream>,
    line: Arc<Line>,
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.line.gone.cancel();
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(buf.initialize_unfilled()) {
                Ok(0) => {
                    self.line.hung_up.store(true, Ordering::Release);
                    return Poll::Ready(Ok(()));
                }
                Ok(count) => {
                    self.line.heard();
                    buf.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => {
                    self.line.hung_up.store(true, Ordering::Release);
                    return Poll::Ready(Err(error));
                }
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.stream.poll_write_ready(cx))?;
            match self.stream.try_write(buf) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                written => return Poll::Ready(written),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(socket2::SockRef::from(&*self.stream).shutdown(std::net::Shutdown::Write))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::Semaphore;

    use super::*;

    async fn connected() -> (Arc<Line>, Stream, TcpStream, Arc<Semaphore>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (far, _) = listener.accept().await.unwrap();
        let permits = Arc::new(Semaphore::new(1));
        let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
        let line = Arc::new(Line::new());
        let stream = line.connect(near, Arc::new(permit)).unwrap();
        (line, stream, far, permits)
    }

    #[tokio::test]
    async fn progress_counts_only_what_is_heard_after_the_upgrade() {
        let (line, mut stream, mut far, _) = connected().await;
        let mut byte = [0];
        far.write_all(b"u").await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        assert_eq!(line.progress(), Progress::Unconnected);
        line.upgraded();
        assert_eq!(line.progress(), Progress::Unanswered);
        far.write_all(b"h").await.unwrap();
        stream.read_exact(&mut byte).await.unwrap();
        assert!(matches!(line.progress(), Progress::Answered { hung_up: false, .. }));
        drop(far);
        assert!(stream.read_u8().await.is_err());
        assert!(matches!(line.progress(), Progress::Answered { hung_up: true, .. }));
    }

    #[tokio::test]
    async fn cutting_ends_a_waiting_read_and_a_blocked_write() {
        let (line, stream, _far, _) = connected().await;
        let (mut reader, mut writer) = tokio::io::split(stream);
        let reading = tokio::spawn(async move { reader.read_u8().await });
        let writing = tokio::spawn(async move {
            loop {
                // The peer never reads, so this fills every buffer and then waits.
                if let Err(error) = writer.write_all(&[0; 65536]).await {
                    return error;
                }
            }
        });
        line.cut();
        assert!(reading.await.unwrap().is_err());
        writing.await.unwrap();
        line.gone().await;
    }

    #[tokio::test]
    async fn the_permit_lives_as_long_as_the_stream() {
        let (line, stream, _far, permits) = connected().await;
        assert_eq!(permits.available_permits(), 0);
        drop(stream);
        line.gone().await;
        assert_eq!(permits.available_permits(), 1);
    }

    #[tokio::test]
    async fn a_link_dials_only_once() {
        let (line, _stream, far, permits) = connected().await;
        permits.add_permits(1);
        let permit = Arc::new(permits.acquire_owned().await.unwrap());
        assert!(line.connect(far, permit).is_err());
    }
}

//! Opens a link's one connection: TCP or a tunnel through the company's proxy, TLS, WebSocket.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use ::http::HeaderValue;
use ::http::header::ORIGIN;
use async_trait::async_trait;
use socket2::{SockRef, TcpKeepalive};
use thiserror::Error;
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::OwnedSemaphorePermit;
use tokio_websockets::{ClientBuilder, Connector};
use wacore::net::{Transport, TransportEvent, TransportFactory, WHATSAPP_WEB_ORIGIN};
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::transport::from_websocket;

use super::{Endpoint, Line, TunnelError, Way};

/// The kernel asks a silent peer after this long…
const KEEPALIVE_AFTER: Duration = Duration::from_secs(60);

/// …and again at this interval. The protocol's own keepalive is faster; this one clears sockets whose client is stuck.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(15);

/// Why a connection could not be opened. Goes through the library, which logs it and ends the link.
#[derive(Debug, Error)]
enum DialError {
    #[error("the link has ended")]
    Ended,
    #[error("the name of the service could not be resolved")]
    Resolve(#[source] io::Error),
    #[error("the name of the service leads to an address that this build or configuration refuses")]
    Refused,
    #[error("the service could not be reached")]
    Connect(#[source] io::Error),
    #[error("the company's proxy did not open a connection to the service")]
    Tunnel(#[source] Arc<TunnelError>),
    #[error("TLS with the service failed")]
    Tls(#[source] tokio_websockets::Error),
    #[error("the service did not accept the WebSocket")]
    Upgrade(#[source] tokio_websockets::Error),
}

/// Dials for one link.
pub(in crate::whatsapp) struct Dialer {
    pub(in crate::whatsapp) endpoint: Arc<Endpoint>,
    /// The company's way out.
    pub(in crate::whatsapp) way: Arc<Way>,
    /// Shared by all links of the process: it holds the root certificates.
    pub(in crate::whatsapp) tls: Arc<Connector>,
    pub(in crate::whatsapp) line: Arc<Line>,
    /// The company's; goes into the connection and comes back when that is closed. Gone when the link has ended.
    pub(in crate::whatsapp) permit: Weak<OwnedSemaphorePermit>,
}

#[async_trait]
impl TransportFactory for Dialer {
    async fn create_transport(&self) -> Result<(Arc<dyn Transport>, Receiver<TransportEvent>), anyhow::Error> {
        Ok(self.dial().await?)
    }
}

impl Dialer {
    async fn dial(&self) -> Result<(Arc<dyn Transport>, Receiver<TransportEvent>), DialError> {
        let stream = match self.way.tunnel(&self.endpoint).await {
            None => self.connect().await?,
            Some(Ok(stream)) => stream,
            Some(Err(error)) => return Err(DialError::Tunnel(self.line.no_tunnel(error))),
        };
        tune(&stream).map_err(DialError::Connect)?;
        let permit = self.permit.upgrade().ok_or(DialError::Ended)?;
        let stream = self.line.connect(stream, permit).map_err(DialError::Connect)?;
        let tls = if self.endpoint.tls { &*self.tls } else { &Connector::Plain };
        let stream = tls.wrap(&self.endpoint.host, stream).await.map_err(DialError::Tls)?;
        let (websocket, _) = ClientBuilder::from_uri(self.endpoint.uri.clone())
            .add_header(ORIGIN, HeaderValue::from_static(WHATSAPP_WEB_ORIGIN))
            .map_err(DialError::Upgrade)?
            .connect_on(stream)
            .await
            .map_err(DialError::Upgrade)?;
        self.line.upgraded();
        Ok(from_websocket(websocket))
    }

    async fn connect(&self) -> Result<TcpStream, DialError> {
        let target = (self.endpoint.host.as_str(), self.endpoint.port);
        let found = lookup_host(target).await.map_err(DialError::Resolve)?;
        let allowed: Vec<SocketAddr> = found.filter(|address| self.endpoint.allows(address.ip())).collect();
        if allowed.is_empty() {
            return Err(DialError::Refused);
        }
        TcpStream::connect(&allowed[..]).await.map_err(DialError::Connect)
    }
}

/// Small frames go out at once, and a dead peer is noticed.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY);
    SockRef::from(stream).set_tcp_keepalive(&keepalive)
}

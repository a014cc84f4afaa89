//! One protocol client, used as its documentation shows.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use async_trait::async_trait;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_websockets::{ClientBuilder, Connector};
use wacore::net::{HttpClient, HttpRequest, HttpResponse, Transport, TransportEvent, TransportFactory};
use wacore::store::InMemoryBackend;
use wacore::types::events::{Event, EventHandler, EventInterest, EventKind};
use whatsapp_rust::TokioRuntime;
use whatsapp_rust::async_channel::Receiver;
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::transport::from_websocket;

/// Nothing a single client does takes longer.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// As many as the server lets its clients make.
const ONE_TIME_KEYS: usize = 100;

/// Given, so that nobody asks for it over HTTP.
const VERSION: (u32, u32, u32) = (2, 3000, 1_030_000_000);

/// What outlives a client: its keys.
pub type Device = Arc<InMemoryBackend>;

/// A device without credentials.
pub fn new_device() -> Device {
    Arc::new(InMemoryBackend::new())
}

/// A running client and what it reports.
pub struct Client {
    bot: BotHandle,
    events: mpsc::UnboundedReceiver<Arc<Event>>,
}

impl Client {
    pub async fn start(whatsapp: SocketAddr, device: &Device) -> Result<Self> {
        let (sender, events) = mpsc::unbounded_channel();
        let bot = Bot::builder()
            .with_backend_arc(device.clone())
            .with_transport_factory(Dialer { whatsapp })
            .with_http_client(NoHttp)
            .with_runtime(TokioRuntime)
            .with_version(VERSION)
            .with_wanted_pre_key_count(ONE_TIME_KEYS)
            .skip_history_sync()
            .with_event_handler(Ear(sender))
            .build()
            .await?;
        Ok(Self { bot: bot.spawn(), events })
    }

    /// Waits for a code.
    pub async fn qr(&mut self) -> Result<String> {
        loop {
            if let Event::PairingQrCode(qr) = &*self.event().await? {
                return Ok(qr.code.clone());
            }
        }
    }

    /// Waits for a login.
    pub async fn connected(&mut self) -> Result<()> {
        while !matches!(&*self.event().await?, Event::Connected(_)) {}
        Ok(())
    }

    async fn event(&mut self) -> Result<Arc<Event>> {
        timeout(PATIENCE, self.events.recv()).await?.context("the client has ended")
    }

    pub async fn stop(self) -> Result<()> {
        timeout(PATIENCE, self.bot.shutdown()).await.context("a client does not stop")
    }
}

struct Ear(mpsc::UnboundedSender<Arc<Event>>);

impl EventHandler for Ear {
    fn handle_event(&self, event: Arc<Event>) {
        let _ = self.0.send(event);
    }

    fn interest(&self) -> EventInterest {
        EventInterest::of(&[EventKind::PairingQrCode, EventKind::Connected])
    }
}

/// The library's own transport leaves Nagle's algorithm on, which costs 40 ms here; the server's does not, so neither does the yardstick.
struct Dialer {
    whatsapp: SocketAddr,
}

#[async_trait]
impl TransportFactory for Dialer {
    async fn create_transport(&self) -> Result<(Arc<dyn Transport>, Receiver<TransportEvent>), anyhow::Error> {
        let stream = TcpStream::connect(self.whatsapp).await?;
        stream.set_nodelay(true)?;
        let stream = Connector::Plain.wrap("127.0.0.1", stream).await?;
        let uri = format!("ws://{}/ws/chat", self.whatsapp).parse()?;
        let (websocket, _) = ClientBuilder::from_uri(uri).connect_on(stream).await?;
        Ok(from_websocket(websocket))
    }
}

/// Nothing here needs HTTP, and nothing may leave this machine.
struct NoHttp;

#[async_trait]
impl HttpClient for NoHttp {
    async fn execute(&self, _: HttpRequest) -> Result<HttpResponse> {
        bail!("the yardstick asks nothing over HTTP")
    }
}

//! The real protocol client, as the tests drive it.

use std::sync::Arc;
use std::time::Duration;

use frontdesk_sandbox::whatsapp::Service;
use tokio::sync::mpsc;
use whatsapp_rust::bot::{Bot, BotHandle};
use whatsapp_rust::http::{HttpClient, HttpRequest, HttpResponse};
use whatsapp_rust::pair_code::PairCodeOptions;
use whatsapp_rust::transport::TokioWebSocketTransportFactory;
use whatsapp_rust::types::events::{Event, EventHandler};
use whatsapp_rust::wacore::store::InMemoryBackend;
use whatsapp_rust::{Client, Jid, TokioRuntime};

/// Long enough for a busy machine; nothing waits this long when all is well.
const PATIENCE: Duration = Duration::from_secs(30);

/// The storage of one device; survives the client that uses it.
pub type Device = Arc<InMemoryBackend>;

/// A device without credentials.
pub fn new_device() -> Device {
    Arc::new(InMemoryBackend::new())
}

/// A running client and what it reported.
pub struct Salon {
    bot: BotHandle,
    events: mpsc::UnboundedReceiver<Arc<Event>>,
    /// The code shown last.
    shown: Option<String>,
}

struct Forward(mpsc::UnboundedSender<Arc<Event>>);

impl EventHandler for Forward {
    fn handle_event(&self, event: Arc<Event>) {
        drop(self.0.send(event));
    }
}

/// Clients ask hosts of the real service by `https`; here everything is on the service's own port.
struct LocalHttp {
    client: reqwest::Client,
    base: String,
}

impl LocalHttp {
    fn new(service: &Service) -> Self {
        // Another test of this process may have installed it already.
        drop(rustls::crypto::ring::default_provider().install_default());
        Self { client: reqwest::Client::new(), base: format!("http://{}", service.local_addr()) }
    }
}

#[async_trait::async_trait]
impl HttpClient for LocalHttp {
    async fn execute(&self, request: HttpRequest) -> anyhow::Result<HttpResponse> {
        let path = request.url.splitn(4, '/').nth(3).unwrap_or_default();
        let method = reqwest::Method::from_bytes(request.method.as_bytes())?;
        let mut local = self.client.request(method, format!("{}/{path}", self.base));
        if let Some(body) = request.body {
            local = local.body(body);
        }
        let answer = local.send().await?;
        Ok(HttpResponse { status_code: answer.status().as_u16(), body: answer.bytes().await?.to_vec() })
    }
}

impl Salon {
    /// Starts a client on a device; few one-time keys keep pairing cheap.
    pub async fn start(service: &Service, device: &Device) -> Self {
        let (sender, events) = mpsc::unbounded_channel();
        let url = format!("ws://{}/ws/chat", service.local_addr());
        let bot = Bot::builder()
            .with_backend_arc(device.clone())
            .with_transport_factory(TokioWebSocketTransportFactory::new().with_url(url))
            .with_http_client(LocalHttp::new(service))
            .with_runtime(TokioRuntime)
            .with_wanted_pre_key_count(30)
            .skip_history_sync()
            .with_event_handler(Forward(sender))
            .build()
            .await
            .expect("a client in memory builds");
        Self { bot: bot.spawn(), events, shown: None }
    }

    /// A client that is paired by QR code and connected.
    pub async fn paired(service: &Service, number: &str) -> (Self, Device) {
        service.add_phone(number).expect("a valid number");
        let device = new_device();
        let mut salon = Self::start(service, &device).await;
        let qr = salon.qr().await;
        service.scan(number, &qr).await.expect("the phone links the device");
        salon.connected().await;
        (salon, device)
    }

    pub fn client(&self) -> Arc<Client> {
        self.bot.client()
    }

    /// Waits for an event and returns what `pick` made of it.
    pub async fn wait_for<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let waiting = async {
            loop {
                let event = self.events.recv().await.expect("the client runs");
                if let Some(found) = pick(&event) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.unwrap_or_else(|_| panic!("no {what} within {PATIENCE:?}"))
    }

    pub async fn qr(&mut self) -> String {
        let code = self
            .wait_for("QR code", |event| match event {
                Event::PairingQrCode(qr) => Some(qr.code.clone()),
                _ => None,
            })
            .await;
        self.shown.insert(code).clone()
    }

    /// The code [`Salon::qr`] returned last; it stays for a while.
    pub fn qr_now(&self) -> String {
        self.shown.clone().expect("a code was shown")
    }

    pub async fn connected(&mut self) {
        self.wait_for("connection", |event| matches!(event, Event::Connected(_)).then_some(())).await;
    }

    /// Waits for a chat message and returns its text.
    pub async fn text(&mut self) -> String {
        self.wait_for("message", |event| match event {
            Event::Messages(batch) => batch.messages.iter().find_map(|inbound| inbound.message.conversation.clone()),
            _ => None,
        })
        .await
    }

    /// Asks for a pairing code.
    pub async fn pairing_code(&mut self, number: &str) -> String {
        self.qr().await;
        let options = PairCodeOptions { phone_number: number.to_owned(), ..Default::default() };
        self.client().pair_with_code(options).await.expect("the service accepts the request")
    }

    pub async fn send(&self, number: &str, text: &str) -> String {
        let to = Jid::pn(number);
        let sent = self.client().send_text(to, text).await;
        sent.expect("the client is online").message_id
    }

    pub async fn stop(self) {
        self.bot.shutdown().await;
    }
}

/// Polls a state of the service until it holds.
pub async fn until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let polling = async {
        loop {
            if let Some(found) = probe() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(PATIENCE, polling).await.unwrap_or_else(|_| panic!("not {what} within {PATIENCE:?}"))
}

/// A fresh service on a free port.
pub async fn service() -> Service {
    Service::start(([127, 0, 0, 1], 0).into()).await.expect("a free port on loopback")
}

/// Waits until the client doesn't get an answer to a ping within 300 ms.
pub async fn deaf(client: &Client) {
    let ping = || whatsapp_rust::wacore::iq::keepalive::KeepaliveSpec::with_timeout(Duration::from_millis(300));
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while client.execute(ping()).await.is_ok() {
        assert!(tokio::time::Instant::now() < deadline, "the client still hears");
    }
}

/// Whether the service answers the client's ping.
pub async fn hears(client: &Client) -> bool {
    let ping = whatsapp_rust::wacore::iq::keepalive::KeepaliveSpec::with_timeout(Duration::from_secs(20));
    client.execute(ping).await.is_ok()
}

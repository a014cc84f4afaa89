//! What a test or a newcomer can't reach, simulated on loopback: a WhatsApp service, phones and YClients.
//!
//! ```text
//! Sandbox
//! ├─ whatsapp   ws://127.0.0.1:7700/ws/chat    the service the protocol client dials, and the phones
//! ├─ yclients   http://127.0.0.1:7710          marketplace and REST calls, with their quirks
//! └─ control    http://127.0.0.1:7720          JSON for scripts, one page for people (docs/sandbox.md)
//! ```
//!
//! Nothing here listens on, or sends to, anything but loopback.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

pub mod control;
mod keep;
pub mod whatsapp;
mod wire;
pub mod yclients;

/// The partner token of the sandbox. Obviously no secret: `config/sandbox.toml` names the same one.
pub const TEST_PARTNER_TOKEN: &str = "sandbox-partner-token-not-a-secret";
/// The marketplace application id of the sandbox.
pub const TEST_APPLICATION_ID: u64 = 777;

/// Where the sandbox listens and whom it plays against.
#[derive(Clone)]
pub struct SandboxConfig {
    /// Listen address of the WhatsApp service; port 0 picks a free one.
    pub whatsapp: SocketAddr,
    /// Listen address of YClients.
    pub yclients: SocketAddr,
    /// Listen address of the control API and page.
    pub control: SocketAddr,
    /// Base of the server under test: redirects and webhooks go there.
    pub server_url: String,
    /// Bearer of all partner calls and key of the redirect's signature.
    pub partner_token: String,
    /// The application the server installs.
    pub application_id: u64,
    /// Path of the lifecycle webhook at the server.
    pub webhook_path: String,
    /// Where the world is kept between two runs; `None` forgets it.
    pub world_file: Option<PathBuf>,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self {
            whatsapp: SocketAddr::from(([127, 0, 0, 1], 7700)),
            yclients: SocketAddr::from(([127, 0, 0, 1], 7710)),
            control: SocketAddr::from(([127, 0, 0, 1], 7720)),
            server_url: "http://127.0.0.1:3000".into(),
            partner_token: TEST_PARTNER_TOKEN.into(),
            application_id: TEST_APPLICATION_ID,
            webhook_path: "/webhook/yclients".into(),
            world_file: None,
        }
    }
}

/// The bases a server, a script or a browser uses.
#[derive(Clone, Debug, Serialize)]
pub struct Addresses {
    /// `ws://…/ws/chat`, what the protocol client dials.
    pub whatsapp_ws: String,
    /// Plain HTTP of the same port: version and media.
    pub whatsapp_http: String,
    /// Root of YClients; `/api/v1` and `/marketplace` hang below it.
    pub yclients: String,
    /// Control API and page.
    pub control: String,
}

/// A running sandbox. It serves until [`Sandbox::shutdown`], or until the runtime ends.
pub struct Sandbox {
    whatsapp: whatsapp::Service,
    yclients: yclients::Service,
    control: control::Service,
    keeper: Option<keep::Keeper>,
}

impl Sandbox {
    /// Binds the three ports (loopback only) and serves until [`Sandbox::shutdown`].
    pub async fn start(config: SandboxConfig) -> anyhow::Result<Self> {
        for listen in [config.whatsapp, config.yclients, config.control] {
            wire::require_loopback(listen)?;
        }
        let kept = config.world_file.as_deref().map(keep::read).transpose()?.flatten();
        let (phones, salons) = kept.map(|kept| (kept.whatsapp, kept.yclients)).unwrap_or_default();
        let whatsapp = whatsapp::Service::resume(config.whatsapp, phones).await?;
        let options = yclients::Options::from(&config);
        let yclients = yclients::Service::resume(config.yclients, options, salons).await?;
        let keep = |file| keep::Keeper::start(file, whatsapp.clone(), yclients.clone());
        let keeper = config.world_file.map(keep).transpose()?;
        let control = control::Service::start(config.control, whatsapp.clone(), yclients.clone()).await?;
        Ok(Self { whatsapp, yclients, control, keeper })
    }

    /// Puts two salons and two phones in place, so that the page has something to click.
    pub fn seed_demo(&self) -> anyhow::Result<()> {
        for (id, title, timezone) in [(100_001, "Салон Ромашка", "Europe/Moscow"), (100_002, "Barber House", "Asia/Yekaterinburg")]
        {
            let wish = yclients::NewSalon { salon_id: Some(id), title: Some(title.into()), timezone: Some(timezone.into()) };
            self.yclients.add_salon(wish)?;
        }
        for number in ["79000000001", "79000000002"] {
            self.whatsapp.add_phone(number).map_err(|error| anyhow::anyhow!("phone {number}: {error}"))?;
        }
        Ok(())
    }

    /// The WhatsApp service and its phones.
    pub fn whatsapp(&self) -> &whatsapp::Service {
        &self.whatsapp
    }

    /// The simulated YClients.
    pub fn yclients(&self) -> &yclients::Service {
        &self.yclients
    }

    /// What to configure the server with and where to click.
    pub fn addresses(&self) -> Addresses {
        let whatsapp = self.whatsapp.local_addr();
        Addresses {
            whatsapp_ws: format!("ws://{whatsapp}/ws/chat"),
            whatsapp_http: format!("http://{whatsapp}"),
            yclients: format!("http://{}", self.yclients.local_addr()),
            control: self.control_url(),
        }
    }

    /// Base of the control API and address of the page.
    pub fn control_url(&self) -> String {
        format!("http://{}", self.control.local_addr())
    }

    /// Points redirects and webhooks at another server, for tests that learn its port late.
    pub fn set_server_url(&self, url: &str) -> anyhow::Result<()> {
        Ok(self.yclients.set_server_url(url)?)
    }

    /// Stops all three services, waits until their ports are free, and writes the world down if it is kept.
    pub async fn shutdown(self) {
        self.control.shutdown().await;
        self.yclients.shutdown().await;
        self.whatsapp.shutdown().await;
        if let Some(keeper) = self.keeper {
            keeper.close().await;
        }
    }
}

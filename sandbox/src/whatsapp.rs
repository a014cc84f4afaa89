//! A simulated WhatsApp service and the phones around it.
//!
//! It speaks the real wire protocol, so unmodified clients pair, log in and exchange end-to-end encrypted messages:
//!
//! ```text
//! http ── WebSocket ── wire (frames, Noise) ── link ─┬─ unpaired   QR references, pairing codes, signatures
//!                                                    └─ online     iq · usync · mail · app state
//! world   phones (account, Signal state, linked devices, history) · open pairings · live links · faults
//! ```
//!
//! What it refuses is what the real service refuses: unknown devices, foreign keys, a second link of one device.

mod adv;
mod appstate;
mod companion;
mod fault;
mod http;
mod idle;
mod iq;
mod limits;
mod link;
mod lock;
mod mail;
mod media;
mod noise;
mod passkey;
mod phone;
mod signal;
mod stanza;
mod strike;
mod usync;
mod view;
mod wire;
mod world;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use base64::Engine as _;
use wacore::pair::PairUtils;
use wacore::pair_code::PairCodeUtils;

pub use fault::{Enforcement, FaultTarget, WhatsappFault};
pub use passkey::{PasskeyAssertion, PasskeyBehaviour, PasskeySettings, PasskeyStage, PasskeyView};
pub use view::{Direction, LinkedDevice, PhoneError, PhoneMessage, PhoneView, WhatsappStats};

use link::Command;
use phone::{KeptPhone, Phone, parse_number};
use strike::{remove_devices, strike};
use world::{CodeSlot, World, tick};

/// Every QR text may come as the deep link that phones' cameras understand.
const DEEP_LINK: &str = "https://wa.me/settings/linked_devices#";

/// How long a typed code may be ahead of the client's announcement …
const CODE_PATIENCE: Duration = Duration::from_secs(2);
/// … and how often it is looked for.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// The phones between two runs.
#[derive(Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub(crate) struct Kept(Vec<KeptPhone>);

/// A running service. Clones are handles to the same one.
#[derive(Clone)]
pub struct Service {
    world: Arc<World>,
    address: SocketAddr,
}

impl Service {
    /// Binds the port (0 picks a free one) and serves until [`Service::shutdown`].
    pub async fn start(listen: SocketAddr) -> anyhow::Result<Service> {
        Self::resume(listen, Kept::default()).await
    }

    /// As [`Service::start`], with the phones of an earlier run.
    pub(crate) async fn resume(listen: SocketAddr, kept: Kept) -> anyhow::Result<Service> {
        anyhow::ensure!(listen.ip().is_loopback(), "the sandbox listens on loopback only, not on {listen}");
        let listener = tokio::net::TcpListener::bind(listen).await.with_context(|| {
            format!("the simulated WhatsApp can't listen on {listen}: is another sandbox running? Other ports: frontdesk sandbox --help")
        })?;
        let address = listener.local_addr().context("a bound socket has an address")?;
        let world = Arc::new(World::new());
        world.revive(kept.0)?;
        world.tasks.spawn(http::run(listener, world.clone()));
        Ok(Service { world, address })
    }

    /// Describes the phones for a later run.
    pub(crate) fn keep(&self) -> anyhow::Result<Kept> {
        self.world.keep().map(Kept)
    }

    /// Where the service listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Adds a phone with an account. A number that exists already stays as it is.
    pub fn add_phone(&self, number: &str) -> Result<(), PhoneError> {
        self.world.add_phone(parse_number(number)?)
    }

    /// All phones with their linked devices.
    pub fn phones(&self) -> Vec<PhoneView> {
        self.world.phones().iter().map(|phone| phone.view()).collect()
    }

    /// Scans the text of a QR code with a phone; returns when the new device has proven itself.
    pub async fn scan(&self, number: &str, qr: &str) -> Result<LinkedDevice, PhoneError> {
        let phone = self.phone(number)?;
        let qr = qr.trim();
        let (reference, noise_key, identity) = PairUtils::parse_qr_code(qr).map_err(|_| PhoneError::InvalidQr)?;
        let secret = secret_of(qr).ok_or(PhoneError::InvalidQr)?;
        let link = self.world.find_ref(&reference, &noise_key, &identity)?;
        let device = link::start_pairing(&link, phone, secret).await?;
        Ok(LinkedDevice { device, online: false })
    }

    /// Types a pairing code on a phone; returns when the new device has proven itself.
    pub async fn enter_code(&self, number: &str, code: &str) -> Result<LinkedDevice, PhoneError> {
        self.enter_code_shown_for(number, code, number).await
    }

    /// Types a pairing code on a phone that a device shows for another number. The device then gets another account
    /// than it asked for.
    pub async fn enter_code_shown_for(&self, number: &str, code: &str, shown_for: &str) -> Result<LinkedDevice, PhoneError> {
        let shown_for = parse_number(shown_for)?;
        let phone = self.phone(number)?;
        let code: String = code.chars().filter(|character| !matches!(character, '-' | ' ')).collect::<String>().to_ascii_uppercase();
        if !PairCodeUtils::validate_code(&code) {
            return Err(PhoneError::InvalidCode);
        }
        let slot = self.awaited_code(&shown_for).await?;
        let (wrapped, reference) = (slot.wrapped_ephemeral, slot.reference);
        let device = link::start_hello(&slot.link, phone, code, wrapped, reference).await?;
        Ok(LinkedDevice { device, online: false })
    }

    /// The pairing code a client shows. Some clients show it before the service has heard of it; no person types that fast, but a script does.
    async fn awaited_code(&self, number: &str) -> Result<CodeSlot, PhoneError> {
        let patience = tokio::time::Instant::now() + CODE_PATIENCE;
        loop {
            match self.world.find_code(number) {
                Err(PhoneError::NoSuchCode) if tokio::time::Instant::now() < patience => tokio::time::sleep(LOOK_EVERY).await,
                found => return found,
            }
        }
    }

    /// Removes all linked devices of a phone: live ones are told, later logins are refused.
    pub async fn unlink(&self, number: &str) -> Result<(), PhoneError> {
        let phone = self.phone(number)?;
        if remove_devices(&phone).await { Ok(()) } else { Err(PhoneError::NotLinked) }
    }

    /// Fills slots of a phone with devices nobody sits at; returns their numbers.
    pub fn link_idle_devices(&self, number: &str, count: usize) -> Result<Vec<u16>, PhoneError> {
        let phone = self.phone(number)?;
        (0..count).map(|_| idle::link_idle_device(&phone)).collect()
    }

    /// Whether linking with a phone asks for its passkey, and how that goes.
    pub fn set_passkey(&self, number: &str, settings: PasskeySettings) -> Result<(), PhoneError> {
        self.phone(number)?.set_passkey_settings(settings);
        Ok(())
    }

    /// A phone's passkey, and how far the last link by it has come.
    pub fn passkey(&self, number: &str) -> Result<PasskeyView, PhoneError> {
        Ok(self.phone(number)?.passkey_view())
    }

    /// What the phone's owner gets from their authenticator for the options a device was asked with.
    pub fn assert_passkey(&self, number: &str, options: &str) -> Result<PasskeyAssertion, PhoneError> {
        self.phone(number)?.passkey().assert(options)
    }

    /// Sends a text from a phone to all devices of another number; returns the message id.
    pub async fn send(&self, number: &str, to: &str, text: &str) -> Result<String, PhoneError> {
        let from = self.phone(number)?;
        let to = self.phone(to)?;
        mail::send_text(&self.world, &from, &to, text).await
    }

    /// The history of a phone, oldest first; empty for an unknown number.
    pub fn messages(&self, number: &str) -> Vec<PhoneMessage> {
        self.phone(number).map(|phone| phone.history()).unwrap_or_default()
    }

    /// Plays a fault; see [`WhatsappFault`] for the list.
    pub fn set_fault(&self, target: FaultTarget, fault: WhatsappFault) -> Result<(), String> {
        fault::validate(&target, fault)?;
        let target = match target {
            FaultTarget::All => FaultTarget::All,
            FaultTarget::Number(number) => {
                let phone = self.phone(&number).map_err(|error| error.to_string())?;
                FaultTarget::Number(phone.number.clone())
            }
        };
        self.world.faults.note(target.clone(), fault)?;
        tick(&self.world.count.faults);
        let world = self.world.clone();
        // Ends by itself: telling a link is limited in time.
        self.world.tasks.spawn(async move { strike(&world, &target, fault).await });
        Ok(())
    }

    /// The lasting faults in force.
    pub fn faults(&self) -> Vec<(FaultTarget, WhatsappFault)> {
        self.world.faults.list()
    }

    /// Ends all lasting faults, and drops the links that `half_open` froze.
    pub fn clear_faults(&self) {
        self.world.faults.clear();
        for link in self.world.links_of(&FaultTarget::All) {
            self.world.tasks.spawn(async move { link.tell(Command::Thaw).await });
        }
        for phone in self.world.phones() {
            self.world.tasks.spawn(async move { limits::lift(&phone).await });
        }
    }

    /// The counters.
    pub fn stats(&self) -> WhatsappStats {
        self.world.stats()
    }

    /// Drops all links, frees the port, waits for both.
    pub async fn shutdown(&self) {
        self.world.stop.cancel();
        self.world.tasks.close();
        self.world.tasks.wait().await;
    }

    fn phone(&self, number: &str) -> Result<Arc<Phone>, PhoneError> {
        let number = parse_number(number)?;
        self.world.phone(&number).ok_or(PhoneError::UnknownPhone)
    }
}

/// The pairing secret: the fourth field of the QR text.
fn secret_of(qr: &str) -> Option<[u8; 32]> {
    let text = qr.strip_prefix(DEEP_LINK).unwrap_or(qr).split(',').nth(3)?;
    let secret = base64::engine::general_purpose::STANDARD.decode(text).ok()?;
    secret.try_into().ok()
}

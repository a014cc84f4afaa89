//! One run of one company's link: wait for the permit, open, serve, let go.
//!
//! The link owns everything it starts. However it ends, by an event, a command, a failure or by being dropped, the client is
//! shut down, its state is written and the connection is closed by a tracked task that holds the company's permit until then.

mod account;
mod doubt;
mod failed_dial;
mod farewell;
mod held;
mod pairing;
mod passkey;
mod serve;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::ports::{LinkCommand, LinkEnd, LinkFact, LinkReports, LinkRequest, LossKind};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use wacore::store::DevicePropsOverride;
use wacore::store::error::StoreError;
use wacore::store::traits::DeviceStore;
use wacore::types::events::{Event, EventHandler, EventInterest};
use whatsapp_rust::bot::{Bot, BotBuilderError};
use whatsapp_rust::waproto::whatsapp::device_props::{AppVersion, PlatformType};

use self::held::Held;
use super::Shared;
use super::backend::Backend;
use super::egress::{Dialer, Way};
use super::gate::Gate;
use super::translate::{self, Heard};
use super::version::VersionError;

/// Words of the library that may wait for the link. It says a few per minute at most; a service that floods ends the link.
const HEARD_CAPACITY: usize = 64;

/// Letting go takes half a minute at the very most.
const LET_GO_LATE: Duration = Duration::from_secs(40);

/// One-time keys uploaded at once. A key is used up by each contact that writes for the first time while the upload refills it; a
/// salon sees a handful of those per hour. WhatsApp's own client offers 812, which cost 140 KiB of memory per company.
const ONE_TIME_KEYS: usize = 100;

/// Why a link could not be opened.
#[derive(Debug, Error)]
enum OpenError {
    #[error("the stored device can't be read")]
    Device(#[source] StoreError),
    #[error("there is no client version to name")]
    Version(#[from] VersionError),
    #[error("the protocol client could not be built")]
    Client(#[from] BotBuilderError),
}

impl OpenError {
    /// The error below, which says what to do; log lines show only the topmost one.
    fn cause(&self) -> Option<String> {
        let below = std::error::Error::source(self)?;
        Some(below.source().map_or_else(|| below.to_string(), |cause| format!("{below}: {cause}")))
    }

    fn end(&self) -> LinkEnd {
        match self {
            Self::Device(_) | Self::Client(BotBuilderError::Store(_)) => LinkEnd::StorageFailed,
            Self::Version(VersionError::Proxy(_)) => LinkEnd::Lost(LossKind::Proxy),
            Self::Version(VersionError::Fetch(_) | VersionError::Timeout) => LinkEnd::Lost(LossKind::Dial),
            Self::Client(_) => LinkEnd::Crashed,
        }
    }
}

/// Runs a link to its end.
pub(super) async fn run(
    shared: &Arc<Shared>,
    request: LinkRequest,
    reports: LinkReports,
    mut commands: mpsc::Receiver<LinkCommand>,
) -> LinkEnd {
    let LinkRequest { company, salon, generation: _ } = request;
    let mut early = None;
    let Some(permit) = unless_closed(permit(&shared.gate, company), &mut commands, &reports, &mut early).await else {
        return LinkEnd::Closed;
    };
    let mut held = Held::new(shared, Backend::new(company, Arc::clone(&shared.vault)), permit);
    let (ear, words) = Ear::new();
    let flooded = ear.flooded.clone();
    let way = shared.ways.of(company, salon);
    let opening = unless_closed(open(shared, way, &held, ear), &mut commands, &reports, &mut early).await;
    let end = match opening {
        None => LinkEnd::Closed,
        Some(Err(error)) => {
            tracing::warn!(error = &error as &dyn std::error::Error, cause = error.cause(), "the link could not be opened");
            error.end()
        }
        Some(Ok(bot)) => {
            held.start(bot);
            serve::serve(shared, &mut held, reports, commands, words, flooded, early).await
        }
    };
    if end == LinkEnd::Outdated {
        shared.versions.refused();
    }
    held.let_go().await;
    end
}

/// The company's permit, once its last link has let go of it.
async fn permit(gate: &Gate, company: CompanyId) -> Arc<OwnedSemaphorePermit> {
    let mut entering = std::pin::pin!(gate.enter(company));
    match timeout(LET_GO_LATE, &mut entering).await {
        Ok(permit) => permit,
        Err(_) => {
            tracing::error!(
                "the last link of this company never lets go of its thread or its connection; only a restart of the server frees them"
            );
            entering.await
        }
    }
}

/// Does `work` unless the owner wants the link closed first. A wish that needs the connection is kept for it in `early`.
async fn unless_closed<T>(
    work: impl Future<Output = T>,
    commands: &mut mpsc::Receiver<LinkCommand>,
    reports: &LinkReports,
    early: &mut Option<LinkCommand>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            biased;
            done = &mut work => return Some(done),
            command = commands.recv() => match command {
                None | Some(LinkCommand::Close) => return None,
                Some(LinkCommand::Probe) => reports.report(LinkFact::ProbeUnanswered),
                Some(LinkCommand::CancelPairing) => *early = None,
                // Nobody has asked for it before the connection stood.
                Some(LinkCommand::PasskeyResponse(_) | LinkCommand::PasskeyConfirm) => {}
                Some(wish @ (LinkCommand::LogOut | LinkCommand::RequestPairingCode(_))) => *early = Some(wish),
            },
        }
    }
}

async fn open(shared: &Shared, way: Arc<Way>, held: &Held, ear: Ear) -> Result<Bot, OpenError> {
    if held.backend().renew_after_restore().await.map_err(OpenError::Device)? {
        tracing::info!("this salon was restored from a backup: its encryption sessions are renewed");
    }
    let device = held.backend().load().await.map_err(OpenError::Device)?;
    let version = shared.versions.current(&way, &shared.endpoint, device.as_ref()).await?;
    let dialer = Dialer {
        endpoint: Arc::clone(&shared.endpoint),
        way: Arc::clone(&way),
        tls: Arc::clone(&shared.tls),
        line: Arc::clone(held.line()),
        permit: held.permit(),
    };
    // Messages will be taken by an inbound durability hook here, before WhatsApp gets its ack; the backend can hold them already.
    let bot = Bot::builder()
        .with_backend_arc(held.backend().clone())
        .with_transport_factory(dialer)
        .with_http_client(way.http.clone())
        .with_version(version)
        .with_device_props(identity_shown())
        .with_wanted_pre_key_count(ONE_TIME_KEYS)
        .skip_history_sync()
        .with_runtime(held.tasks())
        .with_event_handler(ear)
        .build()
        .await?;
    // The session's machine decides about reconnecting: every end of the connection comes back to it.
    bot.client().enable_auto_reconnect.store(false, std::sync::atomic::Ordering::Relaxed);
    Ok(bot)
}

/// How the link calls itself in the phone's list of linked devices: Chrome on Ubuntu. WhatsApp refuses names that are no
/// browser's ("couldn't link device").
fn identity_shown() -> DevicePropsOverride {
    let version = AppVersion { primary: Some(10), secondary: Some(15), tertiary: Some(7), ..Default::default() };
    DevicePropsOverride::new().with_os("Ubuntu").with_platform_type(PlatformType::CHROME).with_version(version)
}

/// Listens to the library on its own task, in order. Must neither block nor panic there.
struct Ear {
    words: mpsc::Sender<Heard>,
    flooded: CancellationToken,
}

impl Ear {
    fn new() -> (Self, mpsc::Receiver<Heard>) {
        let (words, heard) = mpsc::channel(HEARD_CAPACITY);
        (Self { words, flooded: CancellationToken::new() }, heard)
    }
}

impl EventHandler for Ear {
    fn handle_event(&self, event: Arc<Event>) {
        let Some(heard) = translate::translate(&event) else { return };
        if let Err(mpsc::error::TrySendError::Full(_)) = self.words.try_send(heard) {
            self.flooded.cancel();
        }
    }

    fn interest(&self) -> EventInterest {
        translate::interest()
    }
}

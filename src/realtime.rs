//! Socket.IO namespace `/marketplace`: the owner's page sees its company live.
//!
//! ```text
//! handshake ─ authenticate.rs ─► on_connect ─► room company-{salon_id}
//!   origin, per-IP limit, token      ├─ commands.rs   client → company, each acked
//!                                    └─ fanout.rs     company's view → events, one owned task per socket
//! ```
//!
//! Engine.IO keeps a client that stops reading for ever, so accepted sockets must go through [`tune_socket`].

use std::io;
use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::FleetHandle;
use frontdesk_actors::ids::SalonId;
use serde::Deserialize;
use socketioxide::SocketIo;
use socketioxide::extract::{Extension, SocketRef, State};
use socketioxide::handler::ConnectHandler;
use socketioxide::layer::SocketIoLayer;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::admission::{Admission, OriginPolicy};
use crate::auth::Tokens;

mod authenticate;
mod commands;
pub mod console;
mod fanout;
mod passkey;
#[cfg(test)]
mod tests;

pub use authenticate::{RefusalCode, guard_handshakes};
pub use fanout::{Emission, diff};

use authenticate::Admitted;
use fanout::Presence;

/// The owners' namespace.
pub const NAMESPACE: &str = "/marketplace";

/// Where the engine listens; requests under it never reach the router.
pub const PATH: &str = "/socket.io/";

/// A peer that acknowledges nothing for this long is dropped by the kernel, whatever the engine thinks of it. Measured, the kernel takes up
/// to 3 s more; clients are promised 30 s.
const UNACKNOWLEDGED_FOR: Duration = Duration::from_secs(25);

/// Longest exchange of the polling transport: well over a ping interval, which is how long a poll with nothing to tell lasts.
pub const EXCHANGE_WITHIN: Duration = Duration::from_secs(90);

/// Limits and times of the sockets.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RealtimeSettings {
    /// Open sockets over all companies.
    pub max_sockets: usize,
    /// Open sockets of one company: tabs of one owner, not an audience.
    pub max_sockets_per_company: usize,
    /// Largest message from a client, in bytes, on both transports.
    pub max_payload_bytes: usize,
    /// Seconds between two pings of the engine.
    pub ping_interval_seconds: u64,
    /// Seconds a pong may take.
    pub ping_timeout_seconds: u64,
    /// Seconds an engine connection may stay outside the namespace.
    pub connect_timeout_seconds: u64,
}

impl Default for RealtimeSettings {
    fn default() -> Self {
        Self {
            max_sockets: 10_000,
            max_sockets_per_company: 20,
            max_payload_bytes: 100_000,
            ping_interval_seconds: 25,
            ping_timeout_seconds: 60,
            connect_timeout_seconds: 10,
        }
    }
}

/// Sees sockets come and go; counts, never decides.
pub trait RealtimeObserver: Send + Sync + 'static {
    /// A socket joined its company's room.
    fn opened(&self);
    /// A socket that was opened is gone.
    fn closed(&self);
    /// A socket was refused with this code.
    fn refused(&self, code: RefusalCode);
    /// An event of this name was handed to a socket.
    fn told(&self, event: &'static str) {
        let _ = event;
    }
    /// A socket's forwarder ended by itself for this reason of a closed set.
    fn ended(&self, reason: &'static str) {
        let _ = reason;
    }
}

/// What the namespace needs from the rest of the server. Cheap to clone.
#[derive(Clone)]
pub struct RealtimeState {
    /// The way to the companies.
    pub fleet: FleetHandle,
    /// Verifies page tokens.
    pub tokens: Tokens,
    /// New sockets per client address.
    pub admission: Arc<Admission>,
    /// Which pages may open a socket.
    pub origins: OriginPolicy,
    /// Limits and times.
    pub settings: RealtimeSettings,
    /// Who counts.
    pub observer: Arc<dyn RealtimeObserver>,
}

/// State shared by the handlers: what was given, and the seats.
#[derive(Clone)]
struct Realtime {
    given: RealtimeState,
    seats: Arc<Semaphore>,
}

/// The engine as a layer around the router, and the handle that closes it.
pub fn layer(state: RealtimeState) -> (SocketIoLayer, SocketIo) {
    let settings = &state.settings;
    let builder = SocketIo::builder()
        .req_path(PATH)
        .ping_interval(Duration::from_secs(settings.ping_interval_seconds))
        .ping_timeout(Duration::from_secs(settings.ping_timeout_seconds))
        .connect_timeout(Duration::from_secs(settings.connect_timeout_seconds))
        .max_payload(settings.max_payload_bytes as u64)
        .ws_max_message_size(settings.max_payload_bytes)
        .ws_max_frame_size(settings.max_payload_bytes)
        // A client may not make the parser hold binary attachments: no event of ours takes any.
        .with_parser(socketioxide::ParserConfig::common().max_incoming_binaries(0));
    let seats = Arc::new(Semaphore::new(settings.max_sockets));
    let (layer, io) = builder.with_state(Realtime { given: state, seats }).build_layer();
    io.ns(NAMESPACE, on_connect.with(authenticate::admit));
    (layer, io)
}

/// Closes every connection, so that clients come back by themselves to whoever serves next; gives up waiting after `grace`, because
/// a client that doesn't read can hold the engine back.
pub async fn close(io: &SocketIo, grace: Duration) {
    let open = io.of(NAMESPACE).map(|all| all.sockets()).unwrap_or_default();
    let consoles = io.of(console::NAMESPACE).map(|all| all.sockets()).unwrap_or_default();
    if tokio::time::timeout(grace, io.close()).await.is_err() {
        tracing::warn!("realtime: some sockets did not close in time");
    }
    // The engine forgets its namespaces before it closes, so no disconnect handler has run.
    consoles.iter().for_each(console::let_go);
    open.iter().for_each(let_go);
}

/// Makes the kernel drop a peer that stops reading; to be called on every accepted socket.
pub fn tune_socket(stream: &tokio::net::TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    socket2::SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED_FOR))
}

/// The forwarder of one socket; dropping the last clone ends it.
#[derive(Clone)]
struct Forwarder {
    _task: Arc<AbortOnDropHandle<()>>,
}

async fn on_connect(socket: SocketRef, State(realtime): State<Realtime>, Extension(admitted): Extension<Admitted>) {
    socket.extensions.remove::<Admitted>();
    socket.on_disconnect(async |socket: SocketRef| let_go(&socket));
    socket.join(room(admitted.company.salon_id()));
    commands::register(&socket, admitted.company.clone(), admitted.expires_at);
    let presence = Presence::new(realtime.given.observer, Arc::clone(&admitted.seat));
    let task = tokio::spawn(fanout::follow(socket.clone(), admitted, presence));
    socket.extensions.insert(Forwarder { _task: Arc::new(AbortOnDropHandle::new(task)) });
    // A client may be gone before the disconnect handler was there to notice.
    if !socket.connected() {
        let_go(&socket);
    }
}

/// Ends the forwarder, which holds the socket, which holds the forwarder.
fn let_go(socket: &SocketRef) {
    socket.extensions.remove::<Forwarder>();
    commands::unregister(socket);
}

fn room(salon: SalonId) -> String {
    format!("company-{salon}")
}

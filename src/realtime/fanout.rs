//! From a company's view to events. [`diff`] decides what a client has to hear; one task per socket carries it out, in order.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use frontdesk_actors::CompanyHandle;
use frontdesk_actors::company::ViewerGuard;
use frontdesk_actors::view::CompanyView;
use socketioxide::SendError;
use socketioxide::extract::SocketRef;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep, sleep_until};

use super::RealtimeObserver;
use super::authenticate::Admitted;
use super::commands::{self, ErrorPayload};

mod emission;

pub use emission::{Emission, diff};

/// A full buffer is looked at again after this.
const RETRY_FULL: Duration = Duration::from_secs(1);

/// A client whose buffer stays full this often in a row has stopped reading.
const FULL_AT_MOST: u32 = 20;

/// Between two tries to tell the company that somebody looks.
const RETRY_ATTACH: Duration = Duration::from_secs(2);

/// Counts an open socket and keeps its seat until the forwarder ends, however it ends.
pub(super) struct Presence {
    observer: Arc<dyn RealtimeObserver>,
    _seat: Arc<OwnedSemaphorePermit>,
}

impl Presence {
    pub(super) fn new(observer: Arc<dyn RealtimeObserver>, seat: Arc<OwnedSemaphorePermit>) -> Self {
        observer.opened();
        Self { observer, _seat: seat }
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        self.observer.closed();
    }
}

/// Why a forwarder ends by itself.
enum End {
    /// The token's time is over.
    Expired,
    /// The company's actor is gone for good.
    CompanyGone,
    /// The client stopped reading.
    NotReading,
    /// The socket is closed.
    Closed,
}

impl End {
    fn name(&self) -> &'static str {
        match self {
            Self::Expired => "token_expired",
            Self::CompanyGone => "company_gone",
            Self::NotReading => "not_reading",
            Self::Closed => "closed",
        }
    }
}

/// Follows the company until the socket is gone, its token expires or its client stops reading. Commands end with it; the seat is kept until the
/// socket is out.
pub(super) async fn follow(socket: SocketRef, admitted: Admitted, presence: Presence) {
    let end = tokio::select! {
        end = forward(&socket, &admitted.company, &*presence.observer) => end,
        () = sleep_until(instant_of(admitted.expires_at)) => End::Expired,
    };
    let farewell = match end {
        End::Expired => Some(ErrorPayload::new("AUTH_EXPIRED", "the token has expired")),
        End::CompanyGone => Some(ErrorPayload::new("UNAVAILABLE", "temporarily unavailable, connect again")),
        End::NotReading | End::Closed => None,
    };
    if let Some(payload) = farewell {
        let _ = socket.emit("error", &payload);
    }
    commands::unregister(&socket);
    presence.observer.ended(end.name());
    leave(&socket).await;
}

/// Takes the socket out of its namespace, and as long as its full buffer has no room for that word, tries again. A client that reads nothing at all
/// is ended by the kernel or the heartbeat instead.
pub(super) async fn leave(socket: &SocketRef) {
    while socket.connected() && socket.clone().disconnect().is_err() {
        sleep(RETRY_FULL).await;
    }
}

async fn forward(socket: &SocketRef, company: &CompanyHandle, observer: &dyn RealtimeObserver) -> End {
    let mut views = company.watch();
    let mut shown: Option<CompanyView> = None;
    let mut full = 0;
    let mut attached: Option<ViewerGuard> = None;
    let attach = attach(company);
    tokio::pin!(attach);
    loop {
        let view = views.borrow_and_update().for_people();
        match emit_all(socket, shown.as_ref(), &view, observer) {
            Ok(()) => {
                shown = Some(view);
                full = 0;
            }
            Err(Stuck::Full) if full < FULL_AT_MOST => full += 1,
            Err(Stuck::Full) => return End::NotReading,
            Err(Stuck::Closed) => return End::Closed,
        }
        tokio::select! {
            changed = views.changed() => if changed.is_err() { return End::CompanyGone },
            guard = &mut attach, if attached.is_none() => attached = Some(guard),
            () = sleep(RETRY_FULL), if full > 0 => {}
        }
    }
}

/// Asks until it works: a company that is being restarted will start its session for this viewer all the same.
async fn attach(company: &CompanyHandle) -> ViewerGuard {
    loop {
        match company.attach().await {
            Ok(guard) => return guard,
            Err(error) => tracing::debug!(%error, "realtime: viewer could not be announced yet"),
        }
        sleep(RETRY_ATTACH).await;
    }
}

enum Stuck {
    Full,
    Closed,
}

/// All or again: after a full buffer the whole difference is sent anew, which clients can't tell from a late join.
fn emit_all(socket: &SocketRef, old: Option<&CompanyView>, new: &CompanyView, observer: &dyn RealtimeObserver) -> Result<(), Stuck> {
    for emission in diff(old, new, Utc::now()) {
        match socket.emit(emission.event(), &emission) {
            Ok(()) => observer.told(emission.event()),
            Err(SendError::Socket(socketioxide::SocketError::Closed)) => return Err(Stuck::Closed),
            Err(SendError::Socket(socketioxide::SocketError::InternalChannelFull)) => return Err(Stuck::Full),
            Err(SendError::Serialize(error)) => tracing::error!(%error, event = emission.event(), "realtime: event not encodable"),
        }
    }
    Ok(())
}

fn instant_of(moment: DateTime<Utc>) -> Instant {
    Instant::now() + (moment - Utc::now()).to_std().unwrap_or_default()
}

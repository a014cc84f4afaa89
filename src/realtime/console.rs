//! Namespace `/admin`: the console sees the fleet live.
//!
//! ```text
//! handshake: origin, per-IP limit, cookie or key ─► one owned task per socket
//!   pulse beats ─────────────────────────► `overview`   at most once a second
//!   the followed company's picture changes ► `company`  {company_id}: the page asks for what it shows
//! client ─► `follow {company_id | null}`
//! ```

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::request::Parts;
use frontdesk_actors::CompanyHandle;
use frontdesk_actors::FleetHandle;
use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::view::CompanyView;
use serde_json::{Value, json};
use socketioxide::SocketIo;
use socketioxide::extract::{SocketRef, TryData};
use socketioxide::handler::ConnectHandler as _;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{MissedTickBehavior, interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::RealtimeObserver;
use super::authenticate::{RefusalCode, client_ip, hidden_token};
use super::fanout::{Presence, leave};
use crate::admission::{Admission, OriginPolicy};
use crate::auth::{KeyRefused, Operator, Operators, Sessions, TokenError, session_cookie};
use crate::pulse::Pulse;

/// The operators' namespace.
pub const NAMESPACE: &str = "/admin";

/// Open sockets of operators.
const MAX_SOCKETS: usize = 200;

/// News of the same kind are at least this far apart: for people, not for machines.
const BREATH: Duration = Duration::from_secs(1);

/// Whether the credential is still good is looked at this often.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// Makes the payload of `overview`; `None` when it can't be made right now.
pub type Glance = Arc<dyn Fn() -> Pin<Box<dyn Future<Output = Option<Value>> + Send>> + Send + Sync>;

/// What the namespace needs from the rest of the server. Cheap to clone.
#[derive(Clone)]
pub struct ConsoleState {
    /// The way to the companies.
    pub fleet: FleetHandle,
    /// Operators' keys.
    pub operators: Operators,
    /// Who is logged in.
    pub sessions: Sessions,
    /// Name of the cookie that log-ins set.
    pub cookie: &'static str,
    /// Tells that something happened.
    pub pulse: Pulse,
    /// New sockets per client address, and guesses of keys.
    pub admission: Arc<Admission>,
    /// Which pages may open a socket.
    pub origins: OriginPolicy,
    /// Makes `overview`.
    pub glance: Glance,
    /// Who counts.
    pub observer: Arc<dyn RealtimeObserver>,
}

/// How an operator showed who they are; looked at again while the socket is open.
#[derive(Clone)]
enum Credential {
    /// A session of the console, by its cookie.
    Cookie(String),
    /// A key.
    Key(Operator),
}

/// A socket that passed.
#[derive(Clone)]
struct Admitted {
    credential: Credential,
    seat: Arc<OwnedSemaphorePermit>,
}

/// Which company the page shows.
#[derive(Clone)]
struct Followed(Arc<watch::Sender<Option<CompanyId>>>);

/// The task of one socket; dropping the last clone ends it.
#[derive(Clone)]
struct Forwarder {
    _task: Arc<AbortOnDropHandle<()>>,
}

/// Opens the namespace.
pub fn open(io: &SocketIo, state: ConsoleState) {
    let seats = Arc::new(Semaphore::new(MAX_SOCKETS));
    let doorkeeper = state.clone();
    let admit = move |socket: SocketRef, TryData(auth): TryData<Value>| {
        let (state, seats) = (doorkeeper.clone(), Arc::clone(&seats));
        async move {
            let checked = check(&socket, &state, &seats, auth.ok().as_ref()).await;
            checked.map(|admitted| drop(socket.extensions.insert(admitted))).inspect_err(|code| state.observer.refused(*code))
        }
    };
    let welcome = move |socket: SocketRef| {
        let state = state.clone();
        async move { welcome(&socket, state) }
    };
    io.ns(NAMESPACE, welcome.with(admit));
}

async fn check(socket: &SocketRef, state: &ConsoleState, seats: &Arc<Semaphore>, auth: Option<&Value>) -> Result<Admitted, RefusalCode> {
    let parts = socket.req_parts();
    if !state.origins.allows(&parts.headers) {
        return Err(RefusalCode::OriginRefused);
    }
    let client = client_ip(&state.admission, &parts.headers, &parts.extensions);
    state.admission.socket(client).map_err(|_| RefusalCode::RateLimited)?;
    let credential = credential(parts, state, auth).await?;
    let seat = Arc::clone(seats).try_acquire_owned().map_err(|_| RefusalCode::RateLimited)?;
    Ok(Admitted { credential, seat: Arc::new(seat) })
}

async fn credential(parts: &Parts, state: &ConsoleState, auth: Option<&Value>) -> Result<Credential, RefusalCode> {
    let key = match (hidden_token(parts, auth), session_cookie(&parts.headers, state.cookie)) {
        (Ok(key), _) => key,
        // A browser sends the cookie for whoever opens the socket.
        (Err(TokenError::Missing), Some(_)) if !state.origins.is_own(&parts.headers) => return Err(RefusalCode::OriginRefused),
        (Err(TokenError::Missing), Some(cookie)) => {
            let found = state.sessions.find(cookie).map(|_| Credential::Cookie(cookie.to_owned()));
            return found.ok_or(RefusalCode::AuthExpired);
        }
        (Err(error), _) => return Err(error.into()),
    };
    let client = client_ip(&state.admission, &parts.headers, &parts.extensions);
    match state.operators.try_key(&key, client, &state.admission).await {
        Ok(operator) => Ok(Credential::Key(operator)),
        Err(KeyRefused::Wrong) => Err(RefusalCode::AuthInvalid),
        Err(KeyRefused::LockedOut(_)) => Err(RefusalCode::RateLimited),
    }
}

fn welcome(socket: &SocketRef, state: ConsoleState) {
    let Some(admitted) = socket.extensions.remove::<Admitted>() else { return };
    let followed = Followed(Arc::new(watch::Sender::new(None)));
    let follow = followed.clone();
    socket.on("follow", move |TryData(wish): TryData<Value>| {
        let wish = wish.ok().and_then(|wish| wish.get("company_id").and_then(Value::as_u64));
        follow.0.send_replace(wish.and_then(|id| CompanyId::try_from(id).ok()));
        async {}
    });
    socket.on_disconnect(async |socket: SocketRef| let_go(&socket));
    let presence = Presence::new(Arc::clone(&state.observer), admitted.seat);
    let task = tokio::spawn(serve(socket.clone(), state, admitted.credential, followed, presence));
    socket.extensions.insert(Forwarder { _task: Arc::new(AbortOnDropHandle::new(task)) });
    if !socket.connected() {
        let_go(socket);
    }
}

/// Ends the task, which holds the socket, which holds the task.
pub(super) fn let_go(socket: &SocketRef) {
    socket.extensions.remove::<Forwarder>();
}

/// Tells news until the credential is good no more or the client does not read.
async fn serve(socket: SocketRef, state: ConsoleState, credential: Credential, followed: Followed, _presence: Presence) {
    tokio::select! {
        () = tell_overview(&socket, &state) => {}
        () = tell_company(&socket, &state, followed) => {}
        () = until_void(&state, &credential) => {
            let farewell = json!({"message": "log in again", "code": RefusalCode::AuthExpired.name()});
            let _ = socket.emit("error", &farewell);
        }
    }
    leave(&socket).await;
}

async fn until_void(state: &ConsoleState, credential: &Credential) {
    let mut ticks = interval(LOOK_AGAIN);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let good = match credential {
            Credential::Cookie(cookie) => state.sessions.find(cookie).is_some(),
            Credential::Key(operator) => state.operators.still_good(operator),
        };
        if !good {
            return;
        }
    }
}

/// Ends when the client does not read: a full buffer of these small messages means that it has not for minutes.
async fn tell_overview(socket: &SocketRef, state: &ConsoleState) {
    let mut beats = state.pulse.watch();
    loop {
        if let Some(overview) = (state.glance)().await
            && socket.emit("overview", &overview).is_err()
        {
            return;
        }
        sleep(BREATH).await;
        if !beats.next().await {
            return;
        }
    }
}

async fn tell_company(socket: &SocketRef, state: &ConsoleState, followed: Followed) {
    let mut wishes = followed.0.subscribe();
    loop {
        let wanted = *wishes.borrow_and_update();
        let news = async {
            match wanted {
                Some(id) => follow(socket, state, id).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = wishes.changed() => if changed.is_err() { return },
            () = news => return,
        }
    }
}

/// Ends when the client does not read. A company that is not there (yet) is looked for again.
async fn follow(socket: &SocketRef, state: &ConsoleState, id: CompanyId) {
    loop {
        if let Ok(Some(company)) = state.fleet.company(id).await
            && tell_changes(socket, &company).await.is_err()
        {
            return;
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn tell_changes(socket: &SocketRef, company: &CompanyHandle) -> Result<(), socketioxide::SendError> {
    let mut pictures: watch::Receiver<CompanyView> = company.watch();
    pictures.mark_unchanged();
    while pictures.changed().await.is_ok() {
        socket.emit("company", &json!({"company_id": company.company_id()}))?;
        sleep(BREATH).await;
    }
    Ok(())
}

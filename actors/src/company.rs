//! One company: owns onboarding, the activation saga, rate limits and the inbox cursor; supervises its session.
//!
//! ```text
//! CompanyHandle ──(admitted, with a timeout)──▶ actor ─▶ Desk ─┬─ requests      what people ask for
//!   picture ◀────────── watch ◀──────────────────────── show   ├─ saga          activation.rs, carried out
//!                                                              ├─ inbox         webhooks, in order
//!                                                              ├─ supervision   the session: restart, budget, parked
//!                                                              └─ commits       what each step stores, pure
//! ```

pub(crate) mod activation;
mod actor;
mod commits;
mod course;
mod desk;
mod inbox;
mod keys;
pub(crate) mod limits;
pub(crate) mod onboarding;
pub(crate) mod picture;
mod requests;
mod saga;
mod secrets;
mod supervision;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use ractor::ActorRef;
use thiserror::Error;
use tokio::sync::{Semaphore, oneshot, watch};

use crate::fleet::{CallError, FleetAsk, FleetMsg, answered};
use crate::ids::{CompanyId, Phone, SalonId, Secret};
use crate::ports::{PasskeyAssertion, Records};
use crate::records::{Erasure, EventRecord};
use crate::settings::FleetSettings;
use crate::view::{ActivationView, CompanyView};

pub(crate) use actor::{Ask, Company, CompanyMsg, Request};
pub(crate) use desk::DeskArgs;
pub(crate) use keys::Enrolment;
pub(crate) use onboarding::Visit;

/// Added to the time a link has to connect: how long a caller waits for a pairing code.
const CODE_ANSWER: Duration = Duration::from_secs(15);

/// How long a pairing code may take.
fn code_within(settings: &FleetSettings) -> Duration {
    settings.connect_timeout.saturating_add(CODE_ANSWER)
}

/// Who looks, and whether webhooks were announced: known beyond the life of one actor.
#[derive(Debug, Default)]
pub(crate) struct Presence {
    viewers: AtomicUsize,
    inbox_told: AtomicBool,
}

impl Presence {
    /// Does anybody look at the page?
    pub(crate) fn watched(&self) -> bool {
        self.viewers.load(Ordering::SeqCst) > 0
    }

    /// The actor reads the inbox now: announce the next webhook again.
    pub(crate) fn inbox_heard(&self) {
        self.inbox_told.store(false, Ordering::SeqCst);
    }
}

/// What leads to a company, whichever actor runs for it. Made once per company and process, by the fleet.
pub(crate) struct Door {
    pub company_id: CompanyId,
    pub salon_id: SalonId,
    pub view: watch::Receiver<CompanyView>,
    /// The present actor; `None` while it is down.
    pub actor: watch::Receiver<Option<ActorRef<CompanyMsg>>>,
    pub admission: Arc<Semaphore>,
    pub presence: Arc<Presence>,
    pub fleet: ActorRef<FleetMsg>,
    pub records: Arc<dyn Records>,
    pub settings: Arc<FleetSettings>,
}

/// The way to one company. Cheap to clone; every call has a timeout; stays valid when the actor is restarted.
#[derive(Clone)]
pub struct CompanyHandle {
    door: Arc<Door>,
}

/// Presence of one browser (or API caller) that wants to see a code. Dropping it tells the company that this viewer left.
#[must_use = "dropping it at once tells the company that nobody looks"]
pub struct ViewerGuard {
    door: Arc<Door>,
}

impl ViewerGuard {
    fn new(door: Arc<Door>) -> Self {
        door.presence.viewers.fetch_add(1, Ordering::SeqCst);
        Self { door }
    }
}

impl Drop for ViewerGuard {
    fn drop(&mut self) {
        self.door.presence.viewers.fetch_sub(1, Ordering::SeqCst);
        self.door.tell(CompanyMsg::ViewersChanged);
    }
}

impl CompanyHandle {
    /// Requests that wait for this company's answer.
    pub(crate) fn waiting_requests(&self) -> usize {
        self.door.settings.company_queue.saturating_sub(self.door.admission.available_permits())
    }
}

impl std::fmt::Debug for CompanyHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompanyHandle({})", self.door.company_id)
    }
}

impl Door {
    /// Sends a message if an actor runs. Only for messages whose number is bounded by something else.
    fn tell(&self, message: CompanyMsg) {
        if let Some(actor) = self.actor.borrow().as_ref() {
            let _ = actor.send_message(message);
        }
    }

    /// Asks the actor and waits for the answer, at most `within`.
    async fn ask<T>(&self, within: Duration, question: impl FnOnce(Ask<T>) -> Request) -> Result<T, CallError> {
        let admitted = self.admission.clone().try_acquire_owned().map_err(|_| CallError::Busy)?;
        let actor = self.actor.borrow().clone().ok_or(CallError::Unavailable)?;
        let (reply, answer) = oneshot::channel();
        let message = CompanyMsg::Request(question(Ask { reply, _admitted: admitted }));
        actor.send_message(message).map_err(|_| CallError::Unavailable)?;
        answered(within, answer).await
    }
}

/// Why a QR code can't be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum QrError {
    /// The session is linked already.
    #[error("WhatsApp is already connected")]
    AlreadyConnected,
    /// The company is frozen, removed or parked; the view says which.
    #[error("this salon's session may not be started now")]
    NotAllowed,
    /// Our side.
    #[error(transparent)]
    Unavailable(#[from] CallError),
}

/// Why a pairing code can't be had. Codes on the wire: `REQUEST_IN_PROGRESS`, `PAIRING_CODE_FAILED`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PairingError {
    /// One request is under way already.
    #[error("a pairing code is already being requested")]
    InProgress,
    /// The session is linked already.
    #[error("WhatsApp is already connected")]
    AlreadyConnected,
    /// WhatsApp refused, or did not answer.
    #[error("WhatsApp gave no pairing code")]
    Failed,
    /// Codes were asked for too often: by our count, or (without a time) by WhatsApp's.
    #[error("pairing codes were asked for too often")]
    TooMany {
        /// How long to wait.
        retry_after: Option<Duration>,
    },
    /// The company is frozen, removed or parked.
    #[error("this salon's session may not be started now")]
    NotAllowed,
    /// Our side.
    #[error(transparent)]
    Unavailable(#[from] CallError),
}

/// Why nothing can be done about a passkey.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PasskeyError {
    /// WhatsApp does not wait for this.
    #[error("no passkey step is waiting for this")]
    NotExpected,
    /// Our side.
    #[error(transparent)]
    Unavailable(#[from] CallError),
}

/// Why an activation can't begin.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ActivateRequestError {
    /// WhatsApp is not connected yet.
    #[error("WhatsApp is not connected yet")]
    NotConnected,
    /// The registration is older than the window.
    #[error("the registration expired")]
    Expired {
        /// Minutes since the window closed.
        minutes_ago: u64,
    },
    /// Frozen or removed.
    #[error("the integration was frozen or removed at YClients")]
    NotAllowed,
    /// Our side.
    #[error(transparent)]
    Unavailable(#[from] CallError),
}

impl CompanyHandle {
    pub(crate) fn new(door: Arc<Door>) -> Self {
        Self { door }
    }

    /// Ours.
    pub fn company_id(&self) -> CompanyId {
        self.door.company_id
    }

    /// YClients'.
    pub fn salon_id(&self) -> SalonId {
        self.door.salon_id
    }

    /// The present picture, without asking the actor.
    pub fn view(&self) -> CompanyView {
        self.door.view.borrow().clone()
    }

    /// The present picture (as a change not seen yet) and every later one. Intermediate ones may be skipped, the last one never. Ends when the
    /// company's actor is gone for good.
    pub fn watch(&self) -> watch::Receiver<CompanyView> {
        self.door.view.clone()
    }

    /// A viewer came: an unpaired session is started (or kept) while at least one viewer is there, and lingers after the last one left.
    pub async fn attach(&self) -> Result<ViewerGuard, CallError> {
        let guard = ViewerGuard::new(self.door.clone());
        self.ask(Request::Attach).await?;
        Ok(guard)
    }

    /// Starts a session that waits for a scan, or a new round of codes after they ran out. Idempotent while codes are being shown.
    pub async fn request_qr(&self) -> Result<(), QrError> {
        self.ask(Request::Qr).await?
    }

    /// Asks WhatsApp for a pairing code; the code appears in the view. Returns when it is there or failed.
    pub async fn request_pairing_code(&self, phone: Phone) -> Result<(), PairingError> {
        let within = code_within(&self.door.settings).saturating_add(self.door.settings.call_timeout);
        self.door.ask(within, |ask| Request::PairingCode(phone, ask)).await?
    }

    /// Goes back from the pairing code or the passkey step to QR. Harmless when there is none.
    pub async fn cancel_pairing(&self) -> Result<(), CallError> {
        self.ask(Request::CancelPairing).await
    }

    /// Hands in what the owner's passkey answered. Returns when it is on its way; what WhatsApp makes of it shows in the view.
    pub async fn passkey_response(&self, assertion: PasskeyAssertion) -> Result<(), PasskeyError> {
        self.ask(|ask| Request::PasskeyResponse(assertion, ask)).await?
    }

    /// Says that the phone shows the same code as the view.
    pub async fn passkey_confirm(&self) -> Result<(), PasskeyError> {
        self.ask(Request::PasskeyConfirm).await?
    }

    /// Takes the link back after `Replaced`, `Banned` (when over) or `Outdated`, or restarts what is parked or waits. Harmless otherwise.
    pub async fn reconnect(&self) -> Result<(), CallError> {
        if self.door.actor.borrow().is_none() {
            return self.unpark().await;
        }
        self.ask(Request::Reconnect).await
    }

    /// As [`CompanyHandle::reconnect`], and a link that runs is closed in good order and opened anew. For operators.
    pub async fn restart(&self) -> Result<(), CallError> {
        if self.door.actor.borrow().is_none() {
            return self.unpark().await;
        }
        self.ask(Request::Restart).await
    }

    /// Stops the session; credentials are kept. [`CompanyHandle::reconnect`] or a registration starts it again. `Unavailable` while the
    /// session is being restarted.
    pub async fn stop(&self) -> Result<(), CallError> {
        self.ask(Request::StopSession).await?
    }

    /// Removes our device at WhatsApp and forgets the credentials. Harmless when nothing is linked. `Unavailable` while the session is down
    /// or parked: restart it first.
    pub async fn log_out(&self) -> Result<(), CallError> {
        self.ask(Request::LogOut).await?
    }

    /// Starts a company whose actor is parked, or waits for its restart, now.
    async fn unpark(&self) -> Result<(), CallError> {
        let door = &self.door;
        let admitted = door.admission.clone().try_acquire_owned().map_err(|_| CallError::Busy)?;
        let (reply, answer) = oneshot::channel();
        let unpark = FleetMsg::Unpark(door.company_id, FleetAsk::new(reply, admitted));
        door.fleet.send_message(unpark).map_err(|_| CallError::Unavailable)?;
        answered(door.settings.call_timeout, answer).await
    }

    /// Begins the activation, or tells where it stands when it is under way or done.
    pub async fn activate(&self) -> Result<ActivationView, ActivateRequestError> {
        self.ask(Request::Activate).await?
    }

    /// A new secret for the address of the salon's data webhook, durable when it returns; the address to enter at YClients, shown once. The one
    /// before stays good until the new one is used. `None`: we have no address to tell.
    pub async fn rotate_webhook_secret(&self) -> Result<Option<Secret>, CallError> {
        Ok(self.ask(Request::RotateWebhook).await??)
    }

    /// A key for an integrator's client, in place of an earlier one; durable when it returns. Opens a removed or failed registration again.
    pub(crate) async fn enroll(&self, enrolment: Enrolment) -> Result<Secret, CallError> {
        Ok(self.ask(|ask| Request::Enroll(Box::new(enrolment), ask)).await??)
    }

    /// Latest timeline entries, newest first.
    pub async fn timeline(&self, limit: usize) -> Result<Vec<EventRecord>, CallError> {
        let events = self.door.records.events(self.door.company_id, limit);
        let within = self.door.settings.call_timeout;
        let events = tokio::time::timeout(within, events).await.map_err(|_| CallError::Timeout)?;
        Ok(events?)
    }

    /// A checked registration of this company; durable when it returns.
    pub(crate) async fn register(&self, visit: Visit) -> Result<(), CallError> {
        self.ask(|ask| Request::Register(Box::new(visit), ask)).await??;
        Ok(())
    }

    /// Erases what is left of the salon before its removal; durable when it returns. What a registration since then brought stays.
    pub(crate) async fn erase(&self, plan: Erasure) -> Result<(), CallError> {
        self.ask(|ask| Request::Erase(plan, ask)).await??;
        Ok(())
    }

    /// What the first registration told beyond the record it created.
    pub(crate) fn describe(&self, visit: Visit) {
        self.door.tell(CompanyMsg::Describe(Box::new(visit)));
    }

    /// Webhooks wait in the store. Announced once until the actor looks.
    pub(crate) fn inbox_arrived(&self) {
        if !self.door.presence.inbox_told.swap(true, Ordering::SeqCst) {
            self.door.tell(CompanyMsg::InboxArrived);
        }
    }

    async fn ask<T>(&self, question: impl FnOnce(Ask<T>) -> Request) -> Result<T, CallError> {
        self.door.ask(self.door.settings.call_timeout, question).await
    }
}

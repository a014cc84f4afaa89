//! One company: owns onboarding, the activation saga, rate limits and the inbox cursor; supervises its session.

use thiserror::Error;
use tokio::sync::watch;

use crate::fleet::CallError;
use crate::ids::{CompanyId, Phone, SalonId};
use crate::records::EventRecord;
use crate::view::{ActivationView, CompanyView};

/// The way to one company. Cheap to clone; every call has a timeout; stays valid when the actor is restarted.
#[derive(Clone)]
pub struct CompanyHandle {}

/// Presence of one browser (or API caller) that wants to see a code. Dropping it tells the company that this viewer left.
#[must_use = "dropping it at once tells the company that nobody looks"]
pub struct ViewerGuard {}

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
    /// Too many requests, or WhatsApp refused.
    #[error("WhatsApp gave no pairing code")]
    Failed,
    /// The company is frozen, removed or parked.
    #[error("this salon's session may not be started now")]
    NotAllowed,
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
    /// Ours.
    pub fn company_id(&self) -> CompanyId {
        unimplemented!("written by the actors work")
    }

    /// YClients'.
    pub fn salon_id(&self) -> SalonId {
        unimplemented!("written by the actors work")
    }

    /// The present picture, without asking the actor.
    pub fn view(&self) -> CompanyView {
        unimplemented!("written by the actors work")
    }

    /// Every later picture. Intermediate ones may be skipped, the last one never. Ends when the company's actor is gone for good.
    pub fn watch(&self) -> watch::Receiver<CompanyView> {
        unimplemented!("written by the actors work")
    }

    /// A viewer came: an unpaired session is started (or kept) while at least one viewer is there, and lingers after the last one left.
    pub async fn attach(&self) -> Result<ViewerGuard, CallError> {
        unimplemented!("written by the actors work")
    }

    /// Starts a session that waits for a scan, or a new round of codes after they ran out. Idempotent while codes are being shown.
    pub async fn request_qr(&self) -> Result<(), QrError> {
        unimplemented!("written by the actors work")
    }

    /// Asks WhatsApp for a pairing code; the code appears in the view. Returns when it is there or failed.
    pub async fn request_pairing_code(&self, phone: Phone) -> Result<(), PairingError> {
        let _ = phone;
        unimplemented!("written by the actors work")
    }

    /// Goes back from the pairing code to QR. Harmless when there is none.
    pub async fn cancel_pairing(&self) -> Result<(), CallError> {
        unimplemented!("written by the actors work")
    }

    /// Takes the link back after `Replaced`, `Banned` (when over) or `Outdated`. Harmless otherwise.
    pub async fn reconnect(&self) -> Result<(), CallError> {
        unimplemented!("written by the actors work")
    }

    /// Begins the activation, or tells where it stands when it is under way or done.
    pub async fn activate(&self) -> Result<ActivationView, ActivateRequestError> {
        unimplemented!("written by the actors work")
    }

    /// Latest timeline entries, newest first.
    pub async fn timeline(&self, limit: usize) -> Result<Vec<EventRecord>, CallError> {
        let _ = limit;
        unimplemented!("written by the actors work")
    }
}

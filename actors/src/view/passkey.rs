//! The passkey step of linking: some accounts want their owner's passkey besides the scan.

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::ids::Secret;

/// The passkey step, in `AwaitingPasskey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeyView {
    /// How far it has come.
    pub stage: PasskeyStage,
    /// WhatsApp's request as JSON, for `navigator.credentials.get` on a page of `web.whatsapp.com`; never stored or logged.
    pub options: Secret,
    /// The code to compare with the phone's, from `Comparing` on; never stored or logged.
    pub code: Option<Secret>,
    /// When WhatsApp no longer waits.
    pub expires_at: DateTime<Utc>,
}

/// How far the passkey step has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PasskeyStage {
    /// WhatsApp wants an assertion of the owner's passkey.
    Requested,
    /// One was handed in; WhatsApp and the phone look at it.
    Checking,
    /// Phone and page show a code; the owner compares.
    Comparing,
    /// The owner said that they are the same; the phone finishes.
    Confirming,
}

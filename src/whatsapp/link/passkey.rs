//! The passkey step of a link: WhatsApp's request, what the owner's passkey answered, and the code to compare.
//!
//! The assertion is made elsewhere: a passkey of WhatsApp's works only on a page of `web.whatsapp.com`. Here it is passed on.

use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::ports::{PasskeyAssertion, PasskeyFailure};
use tokio::time::{Instant, timeout};
use whatsapp_rust::Client;
use whatsapp_rust::passkey::{Assertion, PasskeyError};

/// How long WhatsApp waits for owner and phone.
const STEP_LIMIT: Duration = Duration::from_secs(180);

/// The library ends a connection when its QR codes are used up: one for 60 s, five for 20 s each.
const CODES_LAST: Duration = Duration::from_secs(160);

/// WhatsApp has this long to answer one step.
const ANSWER_LIMIT: Duration = Duration::from_secs(30);

/// The state of this link's passkey step.
#[derive(Default)]
pub(super) struct Passkey {
    codes_end: Option<Instant>,
    under_way: bool,
}

impl Passkey {
    /// QR codes are shown: they limit how long the connection lives.
    pub(super) fn codes_shown(&mut self) {
        self.codes_end.get_or_insert_with(|| Instant::now() + CODES_LAST);
    }

    /// WhatsApp asked; returns how long there is. With a pairing code the connection outlives the QR codes.
    pub(super) fn requested(&mut self, by_typed_code: bool) -> Duration {
        self.under_way = true;
        match self.codes_end.filter(|_| !by_typed_code) {
            Some(end) => end.saturating_duration_since(Instant::now()).min(STEP_LIMIT),
            None => STEP_LIMIT,
        }
    }

    /// The step has failed.
    pub(super) fn over(&mut self) {
        self.under_way = false;
    }

    /// The connection is needed although its codes may be used up.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way
    }
}

/// Sends what the passkey answered. What follows comes as an event.
pub(super) async fn answer(client: Arc<Client>, assertion: PasskeyAssertion) -> Result<(), PasskeyFailure> {
    let PasskeyAssertion { credential_id, json } = assertion;
    let assertion = Assertion { assertion_json: json.expose().as_bytes().to_vec(), credential_id };
    judged(timeout(ANSWER_LIMIT, client.send_passkey_response(assertion)).await)
}

/// Tells WhatsApp that the codes are the same.
pub(super) async fn confirm(client: Arc<Client>) -> Result<(), PasskeyFailure> {
    judged(timeout(ANSWER_LIMIT, client.send_passkey_confirmation()).await)
}

/// The library has one kind of error for all that can happen here; nearly always WhatsApp or the phone said no.
fn judged<E>(outcome: Result<Result<(), PasskeyError>, E>) -> Result<(), PasskeyFailure> {
    match outcome {
        Ok(Ok(())) => Ok(()),
        Ok(Err(PasskeyError::InvalidOptions(_) | PasskeyError::Backend(_))) => Err(PasskeyFailure::Broken),
        Ok(Err(_)) => Err(PasskeyFailure::Refused),
        Err(_) => Err(PasskeyFailure::TimedOut),
    }
}

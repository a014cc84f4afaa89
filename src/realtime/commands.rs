//! What a client may ask for. Each event is validated, forwarded to its own company and acked `{success, code?, message?}`.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use frontdesk_actors::CompanyHandle;
use frontdesk_actors::company::{PairingError, PasskeyError, QrError};
use frontdesk_actors::fleet::CallError;
use frontdesk_actors::ids::Phone;
use serde::Serialize;
use serde_json::Value;
use socketioxide::extract::{AckSender, Extension, SocketRef, TryData};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::passkey::{self, Unfit};

/// Commands of one socket that may be under way at once; the engine runs each event in a task of its own.
const COMMANDS_AT_ONCE: usize = 4;

/// What the handlers of one socket hold.
#[derive(Clone)]
struct Desk {
    company: CompanyHandle,
    pass: Arc<Pass>,
}

/// What every command of a socket must pass.
struct Pass {
    expires_at: DateTime<Utc>,
    permits: Semaphore,
}

impl Pass {
    fn until(expires_at: DateTime<Utc>) -> Self {
        Self { expires_at, permits: Semaphore::new(COMMANDS_AT_ONCE) }
    }

    /// May one more command begin? The socket ends with its token, but a client that doesn't read holds that up.
    fn enter(&self, now: DateTime<Utc>) -> Result<SemaphorePermit<'_>, Answer> {
        if now >= self.expires_at {
            return Err(Answer::failed("AUTH_EXPIRED", "the token has expired"));
        }
        self.permits.try_acquire().map_err(|_| Answer::failed("BUSY", "too many requests of this page are under way"))
    }
}

/// The answer to a command, and the payload of `error` events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    /// Why, where one code has several causes with different next steps.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// Seconds after which another try makes sense.
    #[serde(rename = "retryAfter", skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
}

impl Answer {
    fn done() -> Self {
        Self { success: true, code: None, message: None, reason: None, retry_after: None }
    }

    fn failed(code: &'static str, message: impl ToString) -> Self {
        Self { success: false, code: Some(code), message: Some(message.to_string()), ..Self::done() }
    }
}

/// What clients read in `error`, `pairing-code-error` and `passkey-error`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ErrorPayload {
    message: String,
    code: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

impl ErrorPayload {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { message: message.into(), code, reason: None }
    }
}

/// Hangs every command on the socket.
pub(super) fn register(socket: &SocketRef, company: CompanyHandle, expires_at: DateTime<Utc>) {
    socket.extensions.insert(Desk { company, pass: Arc::new(Pass::until(expires_at)) });
    socket.on("request-qr", request_qr);
    socket.on("getQR", request_qr);
    socket.on("request-pairing-code", request_pairing_code);
    socket.on("cancel-pairing", cancel_pairing);
    socket.on("reconnect", reconnect);
    socket.on("passkey-response", passkey_response);
    socket.on("passkey-confirm", passkey_confirm);
}

/// Takes the commands off again, and with them the company's handle.
pub(super) fn unregister(socket: &SocketRef) {
    socket.extensions.remove::<Desk>();
}

async fn request_qr(socket: SocketRef, Extension(desk): Extension<Desk>, ack: AckSender) {
    let answer = match desk.pass.enter(Utc::now()) {
        Ok(_permit) => qr_answer(desk.company.request_qr().await),
        Err(refused) => refused,
    };
    finish(&socket, ack, "error", answer);
}

async fn request_pairing_code(socket: SocketRef, Extension(desk): Extension<Desk>, TryData(payload): TryData<Value>, ack: AckSender) {
    let answer = match (desk.pass.enter(Utc::now()), phone_in(payload.ok().as_ref())) {
        (Err(refused), _) | (Ok(_), Err(refused)) => refused,
        (Ok(_permit), Ok(phone)) => pairing_answer(desk.company.request_pairing_code(phone).await),
    };
    finish(&socket, ack, "pairing-code-error", answer);
}

async fn cancel_pairing(socket: SocketRef, Extension(desk): Extension<Desk>, ack: AckSender) {
    let answer = match desk.pass.enter(Utc::now()) {
        Ok(_permit) => call_answer(desk.company.cancel_pairing().await),
        Err(refused) => refused,
    };
    finish(&socket, ack, "error", answer);
}

async fn reconnect(socket: SocketRef, Extension(desk): Extension<Desk>, ack: AckSender) {
    let answer = match desk.pass.enter(Utc::now()) {
        Ok(_permit) => call_answer(desk.company.reconnect().await),
        Err(refused) => refused,
    };
    finish(&socket, ack, "error", answer);
}

/// What the owner's passkey answered. The ack says that it is on its way; what WhatsApp makes of it comes as events.
async fn passkey_response(socket: SocketRef, Extension(desk): Extension<Desk>, TryData(payload): TryData<Value>, ack: AckSender) {
    let waiting = desk.company.view().session.passkey;
    let answer = match (desk.pass.enter(Utc::now()), passkey::assertion(payload.ok().as_ref(), waiting.as_ref())) {
        (Err(refused), _) => refused,
        (Ok(_), _) if waiting.is_none() => passkey_answer(Err(PasskeyError::NotExpected)),
        (Ok(_), Err(unfit)) => unfit_answer(unfit),
        (Ok(_permit), Ok(assertion)) => passkey_answer(desk.company.passkey_response(assertion).await),
    };
    finish(&socket, ack, "passkey-error", answer);
}

async fn passkey_confirm(socket: SocketRef, Extension(desk): Extension<Desk>, ack: AckSender) {
    let answer = match desk.pass.enter(Utc::now()) {
        Ok(_permit) => passkey_answer(desk.company.passkey_confirm().await),
        Err(refused) => refused,
    };
    finish(&socket, ack, "passkey-error", answer);
}

/// Acks, and repeats a failure as an event for clients that didn't ask for an ack. A client that is gone or doesn't read misses it.
fn finish(socket: &SocketRef, ack: AckSender, event: &'static str, answer: Answer) {
    let _ = ack.send(&answer);
    if let (Some(code), Some(message)) = (answer.code, answer.message) {
        let _ = socket.emit(event, &ErrorPayload { message, code, reason: answer.reason });
    }
}

fn phone_in(payload: Option<&Value>) -> Result<Phone, Answer> {
    let text = payload.and_then(|payload| payload.get("phoneNumber"));
    match text {
        None | Some(Value::Null) => Err(Answer::failed("PHONE_REQUIRED", "phoneNumber is required")),
        Some(Value::String(text)) if text.trim().is_empty() => Err(Answer::failed("PHONE_REQUIRED", "phoneNumber is required")),
        Some(Value::String(text)) => text.trim().parse().map_err(|error| Answer::failed("INVALID_PHONE_FORMAT", error)),
        Some(_) => Err(Answer::failed("INVALID_PHONE_FORMAT", "phoneNumber must be a text")),
    }
}

fn qr_answer(result: Result<(), QrError>) -> Answer {
    match result {
        Ok(()) => Answer::done(),
        Err(QrError::Unavailable(error)) => call_answer(Err(error)),
        Err(error @ QrError::AlreadyConnected) => Answer::failed("ALREADY_CONNECTED", error),
        Err(error @ QrError::NotAllowed) => Answer::failed("NOT_ALLOWED", error),
    }
}

fn pairing_answer(result: Result<(), PairingError>) -> Answer {
    match result {
        Ok(()) => Answer::done(),
        Err(PairingError::Unavailable(error)) => call_answer(Err(error)),
        Err(error @ PairingError::InProgress) => Answer::failed("REQUEST_IN_PROGRESS", error),
        Err(error @ PairingError::AlreadyConnected) => Answer::failed("ALREADY_CONNECTED", error),
        Err(error @ PairingError::Failed) => Answer::failed("PAIRING_CODE_FAILED", error),
        Err(error @ PairingError::TooMany { retry_after }) => Answer {
            reason: Some("TOO_MANY_CODES"),
            retry_after: retry_after.map(|wait| wait.as_secs().max(1)),
            ..Answer::failed("PAIRING_CODE_FAILED", error)
        },
        Err(error @ PairingError::NotAllowed) => Answer::failed("NOT_ALLOWED", error),
    }
}

fn passkey_answer(result: Result<(), PasskeyError>) -> Answer {
    match result {
        Ok(()) => Answer::done(),
        Err(PasskeyError::Unavailable(error)) => call_answer(Err(error)),
        Err(error @ PasskeyError::NotExpected) => Answer::failed("PASSKEY_NOT_EXPECTED", error),
    }
}

fn unfit_answer(unfit: Unfit) -> Answer {
    Answer::failed(unfit.code(), unfit.message())
}

fn call_answer(result: Result<(), CallError>) -> Answer {
    match result {
        Ok(()) => Answer::done(),
        Err(error @ CallError::Busy) => Answer::failed("BUSY", error),
        Err(CallError::Timeout | CallError::Unavailable | CallError::Records(_)) => {
            Answer::failed("UNAVAILABLE", "temporarily unavailable, try again")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_phone_is_required_and_must_look_like_one() {
        let code = |payload: Value| phone_in(Some(&payload)).err().and_then(|answer| answer.code);
        assert_eq!(phone_in(None).err().and_then(|answer| answer.code), Some("PHONE_REQUIRED"));
        for payload in [json!(null), json!([]), json!({}), json!({"phoneNumber": null}), json!({"phoneNumber": "  "})] {
            assert_eq!(code(payload.clone()), Some("PHONE_REQUIRED"), "{payload}");
        }
        for payload in [json!({"phoneNumber": 79161234567_u64}), json!({"phoneNumber": "abc"}), json!({"phoneNumber": "123"})] {
            assert_eq!(code(payload.clone()), Some("INVALID_PHONE_FORMAT"), "{payload}");
        }
        let phone = phone_in(Some(&json!({"phoneNumber": " 8 (916) 123-45-67 "}))).unwrap();
        assert_eq!(phone.e164(), "+79161234567");
    }

    #[test]
    fn no_command_begins_after_the_tokens_end_or_beside_too_many_others() {
        let end = Utc::now();
        let (pass, before) = (Pass::until(end), end - chrono::TimeDelta::milliseconds(1));
        assert_eq!(pass.enter(end).err().and_then(|answer| answer.code), Some("AUTH_EXPIRED"));
        let permits: Vec<_> = (0..COMMANDS_AT_ONCE).map(|_| pass.enter(before).unwrap()).collect();
        assert_eq!(pass.enter(before).err().and_then(|answer| answer.code), Some("BUSY"));
        drop(permits);
        assert!(pass.enter(before).is_ok());
    }

    #[test]
    fn every_failure_has_a_code_and_words() {
        let answers = [
            qr_answer(Err(QrError::AlreadyConnected)),
            qr_answer(Err(QrError::NotAllowed)),
            qr_answer(Err(QrError::Unavailable(CallError::Timeout))),
            pairing_answer(Err(PairingError::InProgress)),
            pairing_answer(Err(PairingError::Failed)),
            pairing_answer(Err(PairingError::TooMany { retry_after: None })),
            passkey_answer(Err(PasskeyError::NotExpected)),
            unfit_answer(Unfit::OtherSite),
            call_answer(Err(CallError::Busy)),
        ];
        for answer in answers {
            assert!(!answer.success && answer.code.is_some() && answer.message.is_some(), "{answer:?}");
        }
        assert_eq!(serde_json::to_value(qr_answer(Ok(()))).unwrap(), json!({"success": true}));
        let wait = Some(std::time::Duration::from_millis(200_900));
        let too_often = serde_json::to_value(pairing_answer(Err(PairingError::TooMany { retry_after: wait }))).unwrap();
        let told = (&too_often["code"], &too_often["reason"], &too_often["retryAfter"]);
        assert_eq!(told, (&json!("PAIRING_CODE_FAILED"), &json!("TOO_MANY_CODES"), &json!(200)));
    }
}

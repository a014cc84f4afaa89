//! What a client may ask for. Each event is validated, forwarded to its own company and acked `{success, code?, message?}`.

use std::sync::Arc;

use frontdesk_actors::CompanyHandle;
use frontdesk_actors::company::{PairingError, QrError};
use frontdesk_actors::fleet::CallError;
use frontdesk_actors::ids::Phone;
use serde::Serialize;
use serde_json::Value;
use socketioxide::extract::{AckSender, Extension, SocketRef, TryData};
use tokio::sync::Semaphore;

/// Commands of one socket that may be under way at once; the engine runs each event in a task of its own.
const COMMANDS_AT_ONCE: usize = 4;

/// What the handlers of one socket hold.
#[derive(Clone)]
struct Desk {
    company: CompanyHandle,
    permits: Arc<Semaphore>,
}

/// The answer to a command, and the payload of `error` events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Answer {
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
}

impl Answer {
    fn done() -> Self {
        Self { success: true, code: None, message: None }
    }

    fn failed(code: &'static str, message: impl ToString) -> Self {
        Self { success: false, code: Some(code), message: Some(message.to_string()) }
    }
}

/// What clients read in `error`, `pairing-code-error` and `passkey-error`.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ErrorPayload {
    message: String,
    code: &'static str,
}

impl ErrorPayload {
    pub(super) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { message: message.into(), code }
    }
}

/// Hangs every command on the socket.
pub(super) fn register(socket: &SocketRef, company: CompanyHandle) {
    socket.extensions.insert(Desk { company, permits: Arc::new(Semaphore::new(COMMANDS_AT_ONCE)) });
    socket.on("request-qr", request_qr);
    socket.on("getQR", request_qr);
    socket.on("request-pairing-code", request_pairing_code);
    socket.on("cancel-pairing", cancel_pairing);
    socket.on("reconnect", reconnect);
    socket.on("passkey-response", passkey);
    socket.on("passkey-confirm", passkey);
}

/// Takes the commands off again, and with them the company's handle.
pub(super) fn unregister(socket: &SocketRef) {
    socket.extensions.remove::<Desk>();
}

async fn request_qr(socket: SocketRef, Extension(desk): Extension<Desk>, ack: AckSender) {
    let answer = match desk.permits.try_acquire() {
        Ok(_permit) => qr_answer(desk.company.request_qr().await),
        Err(_) => too_many(),
    };
    finish(&socket, ack, "error", answer);
}

async fn request_pairing_code(socket: SocketRef, Extension(desk): Extension<Desk>, TryData(payload): TryData<Value>, ack: AckSender) {
    let answer = match (phone_in(payload.ok().as_ref()), desk.permits.try_acquire()) {
        (Err(refused), _) => refused,
        (Ok(_), Err(_)) => too_many(),
        (Ok(phone), Ok(_permit)) => pairing_answer(desk.company.request_pairing_code(phone).await),
    };
    finish(&socket, ack, "pairing-code-error", answer);
}

async fn cancel_pairing(socket: SocketRef, Extension(desk): Extension<Desk>, ack: AckSender) {
    let answer = match desk.permits.try_acquire() {
        Ok(_permit) => call_answer(desk.company.cancel_pairing().await),
        Err(_) => too_many(),
    };
    finish(&socket, ack, "error", answer);
}

async fn reconnect(socket: SocketRef, Extension(desk): Extension<Desk>, ack: AckSender) {
    let answer = match desk.permits.try_acquire() {
        Ok(_permit) => call_answer(desk.company.reconnect().await),
        Err(_) => too_many(),
    };
    finish(&socket, ack, "error", answer);
}

/// The protocol client answers WhatsApp's passkey step by itself as far as it can; there is nothing to hand it from a page.
async fn passkey(socket: SocketRef, ack: AckSender) {
    let answer = Answer::failed("PASSKEY_NOT_EXPECTED", "no passkey step is waiting for an answer");
    finish(&socket, ack, "passkey-error", answer);
}

/// Acks, and repeats a failure as an event for clients that didn't ask for an ack. A client that is gone or doesn't read misses it.
fn finish(socket: &SocketRef, ack: AckSender, event: &'static str, answer: Answer) {
    let _ = ack.send(&answer);
    if let (Some(code), Some(message)) = (answer.code, answer.message) {
        let _ = socket.emit(event, &ErrorPayload::new(code, message));
    }
}

fn too_many() -> Answer {
    Answer::failed("BUSY", "too many requests of this page are under way")
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
        Err(error @ PairingError::NotAllowed) => Answer::failed("NOT_ALLOWED", error),
    }
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
    fn every_failure_has_a_code_and_words() {
        let answers = [
            qr_answer(Err(QrError::AlreadyConnected)),
            qr_answer(Err(QrError::NotAllowed)),
            qr_answer(Err(QrError::Unavailable(CallError::Timeout))),
            pairing_answer(Err(PairingError::InProgress)),
            pairing_answer(Err(PairingError::Failed)),
            call_answer(Err(CallError::Busy)),
            too_many(),
        ];
        for answer in answers {
            assert!(!answer.success && answer.code.is_some() && answer.message.is_some(), "{answer:?}");
        }
        assert_eq!(serde_json::to_value(qr_answer(Ok(()))).unwrap(), json!({"success": true}));
    }
}

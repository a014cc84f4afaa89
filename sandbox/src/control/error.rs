//! Errors in words, and bodies read so that their errors are words too.

use axum::{
    Json,
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::{whatsapp::PhoneError, yclients::YclientsError};

/// A refusal: a 4xx and a sentence.
#[derive(Debug)]
pub struct ControlError {
    status: StatusCode,
    message: String,
}

impl ControlError {
    /// 400: the caller's mistake.
    pub fn bad_request(message: impl ToString) -> Self {
        Self { status: StatusCode::BAD_REQUEST, message: message.to_string() }
    }

    /// 403: not from there.
    pub fn forbidden(message: impl ToString) -> Self {
        Self { status: StatusCode::FORBIDDEN, message: message.to_string() }
    }

    /// 404: no such thing.
    pub fn not_found(message: impl ToString) -> Self {
        Self { status: StatusCode::NOT_FOUND, message: message.to_string() }
    }

    /// 409: not now.
    pub fn conflict(message: impl ToString) -> Self {
        Self { status: StatusCode::CONFLICT, message: message.to_string() }
    }
}

impl IntoResponse for ControlError {
    fn into_response(self) -> Response {
        (self.status, Json(json!({"error": self.message}))).into_response()
    }
}

impl From<YclientsError> for ControlError {
    fn from(error: YclientsError) -> Self {
        match error {
            YclientsError::UnknownSalon(_) => Self::not_found(error),
            YclientsError::NotConnected(_) | YclientsError::NoWebhooks(_) => Self::conflict(error),
            YclientsError::BadSalon(_) | YclientsError::BadRecord | YclientsError::BadFault(_) | YclientsError::BadUrl(_) => {
                Self::bad_request(error)
            }
        }
    }
}

impl From<PhoneError> for ControlError {
    fn from(error: PhoneError) -> Self {
        match error {
            PhoneError::UnknownPhone => Self::not_found(format!("{error}; create it with POST /control/phones")),
            PhoneError::InvalidPasskeyOptions
            | PhoneError::InvalidNumber
            | PhoneError::InvalidQr
            | PhoneError::InvalidCode
            | PhoneError::InvalidText => Self::bad_request(error),
            PhoneError::TooManyPhones
            | PhoneError::NoSuchQr
            | PhoneError::ForeignQr
            | PhoneError::NoSuchCode
            | PhoneError::WrongCode
            | PhoneError::TooManyDevices
            | PhoneError::Refused(_)
            | PhoneError::NotLinked
            | PhoneError::Encryption
            | PhoneError::Timeout => Self::conflict(error),
        }
    }
}

/// A JSON body. The content type isn't asked for, an empty body reads as `{}`.
pub struct Input<T>(pub T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Input<T> {
    type Rejection = ControlError;

    async fn from_request(request: Request, state: &S) -> Result<Self, Self::Rejection> {
        let body = Bytes::from_request(request, state)
            .await
            .map_err(|rejection| ControlError { status: rejection.status(), message: rejection.body_text() })?;
        let body = if body.trim_ascii().is_empty() { &b"{}"[..] } else { &body };
        let parsed = serde_json::from_slice(body);
        parsed.map(Self).map_err(|error| ControlError::bad_request(format!("the body is not what was expected: {error}")))
    }
}

/// Answers paths that don't exist.
pub async fn unknown_path() -> ControlError {
    ControlError::not_found("no such path; docs/sandbox.md lists them")
}

/// Answers methods a path doesn't have.
pub async fn unknown_method() -> ControlError {
    ControlError { status: StatusCode::METHOD_NOT_ALLOWED, message: "this path has no such method; docs/sandbox.md lists them".into() }
}

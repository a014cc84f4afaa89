//! What YClients' refusals mean to an operator.

use axum::http::StatusCode;
use frontdesk_actors::ports::{AmountError, PartnerError};

use crate::http::error::{ApiError, RETRY_LATER};

impl From<PartnerError> for ApiError {
    fn from(error: PartnerError) -> Self {
        match error {
            PartnerError::Retryable { after } => {
                let message = "YClients can't be asked right now; nothing was changed. Try again later.";
                Self::unavailable("YCLIENTS_UNAVAILABLE", message, after.unwrap_or(RETRY_LATER))
            }
            PartnerError::Unclear => {
                let message = "YClients did not answer; it may have happened. Look at the installation before you repeat it.";
                Self::new(StatusCode::BAD_GATEWAY, "YCLIENTS_UNCLEAR", message)
            }
            PartnerError::NotInstalled => {
                let message =
                    "YClients knows nothing of this: the app is not installed in this salon, or there is no such payment or tariff.";
                Self::not_found("NOT_INSTALLED", message)
            }
            PartnerError::Refused { status, message } => {
                let text = "YClients refused. Its own words are in yclients_message; a repeat changes nothing.";
                let error = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "YCLIENTS_REFUSED", text);
                error.detail("yclients_status", status).detail("yclients_message", message)
            }
            PartnerError::Unreadable => {
                let message = "YClients' answer can't be read. Try again; if it persists, give support the request id.";
                Self::new(StatusCode::BAD_GATEWAY, "YCLIENTS_UNREADABLE", message)
            }
            PartnerError::NotConfigured => {
                let message = "The YClients settings are incomplete: /marketplace/test names what is missing.";
                Self::unavailable("NOT_CONFIGURED", message, RETRY_LATER)
            }
        }
    }
}

impl From<AmountError> for ApiError {
    fn from(error: AmountError) -> Self {
        Self::bad_request("INVALID_AMOUNT", format!("An amount {error}."))
    }
}

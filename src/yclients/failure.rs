//! Why a call to YClients brought nothing, and what its error answers say. Texts of YClients are kept short and without secrets or phone numbers.

use std::time::Duration;

use frontdesk_actors::ports::{ActivateError, MarketplaceError, PartnerError};
use serde_json::Value;
use thiserror::Error;

use super::types::loose::{integer_of, text_of};

/// YClients' words are for logs and operators; nobody reads more.
const MAX_MESSAGE_CHARS: usize = 300;

/// As many digits as a phone number has are taken for one.
const PHONE_DIGITS: usize = 9;

/// Fields named in a refusal.
const MAX_FIELDS: usize = 20;

/// Why a call brought nothing. None of them is ever read as "there is nothing".
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CallError {
    /// Partner token or application id missing here.
    #[error("the YClients settings are incomplete")]
    NotConfigured,
    /// It certainly had no effect; try later.
    #[error("YClients can't be asked right now")]
    Retryable {
        /// Not before, when told.
        after: Option<Duration>,
    },
    /// It may have had its effect: look before repeating.
    #[error("YClients did not answer; it may have happened")]
    Unclear {
        /// HTTP status, when there was one.
        status: Option<u16>,
    },
    /// YClients says no.
    #[error("YClients refused: {0}")]
    Refused(Refusal),
    /// The answer is not what was asked for.
    #[error("YClients' answer about {what} can't be read")]
    Unreadable {
        /// What was asked for.
        what: &'static str,
    },
}

/// An answer that says no.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status; 2xx when only the envelope says no.
    pub status: u16,
    /// Number of the error, where YClients gives one.
    pub code: Option<i64>,
    /// YClients' words, shortened, without secrets.
    pub message: Option<String>,
    /// Fields that were found wrong.
    pub fields: Vec<String>,
}

/// Why an online booking was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum BookingProblem {
    PhoneFormat,
    WrongSmsCode,
    TimeTaken,
    BlackListed,
    NameMissing,
    NobodyFree,
    Overlapping,
    ServiceGone,
}

impl Refusal {
    /// The number of a booking error as a word; `None` for anything else.
    pub fn booking(&self) -> Option<BookingProblem> {
        Some(match self.code? {
            431 => BookingProblem::PhoneFormat,
            432 => BookingProblem::WrongSmsCode,
            433 => BookingProblem::TimeTaken,
            434 => BookingProblem::BlackListed,
            435 => BookingProblem::NameMissing,
            436 => BookingProblem::NobodyFree,
            437 => BookingProblem::Overlapping,
            438 => BookingProblem::ServiceGone,
            _ => return None,
        })
    }

    /// Reads an error answer, wherever YClients put its parts.
    pub(super) fn of(status: u16, body: &Value) -> Self {
        let errors = [&body["meta"]["errors"], &body["errors"]].into_iter().find(|errors| !errors.is_null()).unwrap_or(&Value::Null);
        let listed = errors.as_array().and_then(|list| list.first()).unwrap_or(&Value::Null);
        let codes = [&body["meta"]["code"], &errors["code"], &listed["code"], &body["error"]["code"], &body["code"]];
        let messages =
            [&body["meta"]["message"], &errors["message"], &listed["message"], &body["error"]["message"], &body["message"], &body["error"]];
        let fields = errors.as_object().into_iter().flat_map(|fields| fields.keys());
        let fields = fields.filter(|name| !matches!(name.as_str(), "code" | "message")).take(MAX_FIELDS);
        Self {
            status,
            code: codes.into_iter().find_map(integer_of),
            message: messages.into_iter().find_map(text_of).map(|text| harmless(&text)),
            fields: fields.map(|name| harmless(name)).collect(),
        }
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "status {}", self.status)?;
        if let Some(code) = self.code {
            write!(f, ", code {code}")?;
        }
        Ok(())
    }
}

/// A text of YClients as it may stand in a log: short, on one line, without phone numbers and long secrets.
pub(super) fn harmless(text: &str) -> String {
    let words = text.split_whitespace().map(|word| if word.len() >= 32 && word.is_ascii() { "…" } else { word });
    let line = words.collect::<Vec<_>>().join(" ");
    without_phones(&line).chars().filter(|letter| !letter.is_control()).take(MAX_MESSAGE_CHARS).collect()
}

fn without_phones(text: &str) -> String {
    let (mut kept, mut run) = (String::new(), String::new());
    for letter in text.chars().chain(['\n']) {
        let in_phone = letter.is_ascii_digit() || matches!(letter, '+' | '-' | '(' | ')') || (letter == ' ' && !run.is_empty());
        if in_phone {
            run.push(letter);
            continue;
        }
        let digits = run.chars().filter(char::is_ascii_digit).count();
        kept.push_str(if digits >= PHONE_DIGITS { "… " } else { &run });
        run.clear();
        kept.push(letter);
    }
    kept.pop();
    kept
}

impl From<CallError> for MarketplaceError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotConfigured => Self::NotConfigured,
            CallError::Retryable { after } => Self::Retryable { after },
            CallError::Unclear { .. } | CallError::Unreadable { .. } => Self::Retryable { after: None },
            CallError::Refused(refusal) => Self::Final { status: refusal.status },
        }
    }
}

impl From<CallError> for PartnerError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotConfigured => Self::NotConfigured,
            CallError::Retryable { after } => Self::Retryable { after },
            CallError::Unclear { .. } => Self::Unclear,
            CallError::Unreadable { .. } => Self::Unreadable,
            CallError::Refused(refusal) if refusal.status == 404 => Self::NotInstalled,
            CallError::Refused(refusal) => Self::Refused { status: refusal.status, message: refusal.message },
        }
    }
}

impl From<CallError> for ActivateError {
    fn from(error: CallError) -> Self {
        match error {
            CallError::NotConfigured => Self::NotConfigured,
            CallError::Retryable { after } => Self::Retryable { after },
            CallError::Unclear { status } => Self::AskStatus { status },
            CallError::Unreadable { .. } => Self::AskStatus { status: None },
            // What an installed app gets; the status decides.
            CallError::Refused(refusal) if matches!(refusal.status, 403 | 409) => Self::AskStatus { status: Some(refusal.status) },
            CallError::Refused(refusal) => Self::Final { status: refusal.status },
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_number_of_an_error_is_found_wherever_it_stands() {
        for body in [
            json!({"success": false, "meta": {"message": "занято", "code": 433}}),
            json!({"success": false, "meta": {"message": "занято", "errors": {"code": 433}}}),
            json!({"success": false, "meta": {"errors": [{"code": "433", "message": "занято"}]}}),
            json!({"errors": {"code": 433, "message": "занято"}, "meta": {"message": "занято"}}),
            json!({"error": {"code": 433, "message": "занято"}}),
        ] {
            let refusal = Refusal::of(422, &body);
            assert_eq!(refusal.booking(), Some(BookingProblem::TimeTaken), "{body}");
            assert_eq!(refusal.message.as_deref(), Some("занято"), "{body}");
        }
        for body in [json!(null), json!([]), json!("x"), json!({"meta": []}), json!({"meta": {"errors": []}})] {
            assert_eq!(Refusal::of(422, &body), Refusal { status: 422, ..Refusal::default() }, "{body}");
        }
    }

    #[test]
    fn wrong_fields_are_named() {
        let refusal = Refusal::of(
            422,
            &json!({"success": false, "meta": {"message": "Ошибка", "errors": {"phone": ["Неверный"], "name": ["Пусто"]}}}),
        );
        assert_eq!(refusal.fields, ["name", "phone"]);
    }

    #[test]
    fn a_message_holds_neither_phones_nor_long_secrets() {
        let shown = harmless(
            "Клиент с телефоном +7 (916) 123-45-67 уже есть, ключ 2f181e2a2f181e2a2f181e2a2f181e2a2f181e2a,\nзапись 12345 в 10:30",
        );
        assert!(!shown.contains("916") && !shown.contains("2f181e2a") && !shown.contains('\n'), "{shown}");
        assert!(shown.contains("Клиент с телефоном") && shown.contains("запись 12345 в 10:30"), "{shown}");
        assert_eq!(harmless(&"я".repeat(5_000)).chars().count(), MAX_MESSAGE_CHARS);
        assert_eq!(harmless("79161234567"), "… ");
    }
}

//! Identities and small values, parsed once at the edge and typed ever after.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Why a text is not the id or value it should be. Never repeats the text: it may be a secret or hostile.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseIdError {
    /// Not a decimal number from 1 to 2^53-1.
    #[error("{what} must be a whole number from 1 to 9007199254740991")]
    Number {
        /// Which id was being read.
        what: &'static str,
    },
    /// Not `company_{salon_id}`.
    #[error("session id must look like company_123")]
    Session,
    /// Not a phone number of 10 to 15 digits.
    #[error("phone number must have 10 to 15 digits with the country code, like +79161234567")]
    Phone,
}

/// Largest id that survives JavaScript numbers and YClients' JSON: 2^53 - 1.
const MAX_ID: u64 = (1 << 53) - 1;

macro_rules! numeric_id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "u64", into = "u64")]
        pub struct $name(u64);

        impl $name {
            /// The id as a number (1 to 2^53-1).
            pub fn get(self) -> u64 {
                self.0
            }
        }

        impl TryFrom<u64> for $name {
            type Error = ParseIdError;
            fn try_from(value: u64) -> Result<Self, ParseIdError> {
                if (1..=MAX_ID).contains(&value) {
                    Ok(Self(value))
                } else {
                    Err(ParseIdError::Number { what: $what })
                }
            }
        }

        impl From<$name> for u64 {
            fn from(id: $name) -> u64 {
                id.0
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;
            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                let number = if digits { text.parse::<u64>().ok() } else { None };
                number
                    .ok_or(ParseIdError::Number { what: $what })
                    .and_then(Self::try_from)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

numeric_id!(
    /// Our own number of a company: 1, 2, 3… in the order of registration.
    CompanyId,
    "company_id"
);
numeric_id!(
    /// YClients' number of a salon. Never interchangeable with [`CompanyId`].
    SalonId,
    "salon_id"
);
numeric_id!(
    /// YClients' number of a payment we told it of.
    PaymentId,
    "payment_id"
);

/// Public name of a company's session: `company_{salon_id}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SessionId(SalonId);

impl SessionId {
    /// The session of this salon.
    pub fn of(salon: SalonId) -> Self {
        Self(salon)
    }

    /// Whose session it is.
    pub fn salon(self) -> SalonId {
        self.0
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "company_{}", self.0)
    }
}

impl FromStr for SessionId {
    type Err = ParseIdError;
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let salon = text.strip_prefix("company_").ok_or(ParseIdError::Session)?;
        salon.parse().map(Self).map_err(|_| ParseIdError::Session)
    }
}

impl Serialize for SessionId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Counts the links of one company: what an older link still says is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Generation(u64);

impl Generation {
    /// The generation after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// As a plain number, for spans and metrics.
    pub fn get(self) -> u64 {
        self.0
    }
}

/// A phone number in E.164, kept as digits without `+`. `Debug` hides it; [`Phone::e164`] shows it to who may see it.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// `+79161234567`.
    pub fn e164(&self) -> String {
        format!("+{}", self.0)
    }

    /// `79161234567`.
    pub fn digits(&self) -> &str {
        &self.0
    }
}

impl FromStr for Phone {
    type Err = ParseIdError;

    /// Accepts what people type: `8 (916) 123-45-67`, `916 123 45 67` (both Russian), `+49 30 1234567`.
    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let allowed = |c: char| c.is_ascii_digit() || matches!(c, '+' | ' ' | '(' | ')' | '-' | '.' | '\u{a0}');
        if text.len() > 40 || !text.chars().all(allowed) || text.rfind('+').is_some_and(|at| at > 0) {
            return Err(ParseIdError::Phone);
        }
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let international = text.starts_with('+');
        let digits = match (international, digits.len(), digits.as_bytes().first()) {
            (false, 11, Some(b'8')) => format!("7{}", &digits[1..]),
            (false, 10, Some(b'9')) => format!("7{digits}"),
            _ => digits,
        };
        if (10..=15).contains(&digits.len()) && !digits.starts_with('0') { Ok(Self(digits)) } else { Err(ParseIdError::Phone) }
    }
}

impl TryFrom<String> for Phone {
    type Error = ParseIdError;
    fn try_from(text: String) -> Result<Self, ParseIdError> {
        text.parse()
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> String {
        phone.e164()
    }
}

impl fmt::Debug for Phone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Phone(…)")
    }
}

/// A text that must never reach a log: QR data, pairing codes, api keys. `Debug` hides it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text that must stay hidden.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Shows the text to code that is allowed to send it to its owner.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// The WhatsApp account a session is linked to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnIdentity {
    /// The account's number, without the device suffix.
    pub phone: Phone,
    /// WhatsApp's opaque id of the same account (`…@lid`), when told.
    pub lid: Option<String>,
}

//! Clients of a salon.

use frontdesk_actors::ids::Phone;
use serde::Deserialize;

use super::loose::{self, Known};

/// A client. A search gives only the fields that were asked for.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Client {
    /// YClients' number.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub name: Option<String>,
    /// Family name.
    #[serde(deserialize_with = "loose::text")]
    pub surname: Option<String>,
    /// Patronymic.
    #[serde(deserialize_with = "loose::text")]
    pub patronymic: Option<String>,
    /// Phone; many have none.
    #[serde(deserialize_with = "loose::phone")]
    pub phone: Option<Phone>,
    /// E-mail.
    #[serde(deserialize_with = "loose::text")]
    pub email: Option<String>,
    /// `YYYY-MM-DD`; `0` when unknown.
    #[serde(deserialize_with = "loose::words")]
    pub birth_date: Option<String>,
    /// `0` when none.
    #[serde(deserialize_with = "loose::words")]
    pub comment: Option<String>,
    /// Percent.
    #[serde(deserialize_with = "loose::decimal")]
    pub discount: Option<f64>,
    /// Wants no mailings.
    #[serde(deserialize_with = "loose::flag")]
    pub sms_not: Option<bool>,
    /// Groups, the black list among them.
    #[serde(deserialize_with = "loose::list")]
    pub categories: Vec<ClientCategory>,
    /// Visits so far.
    #[serde(deserialize_with = "loose::integer")]
    pub visits: Option<i64>,
}

/// A group of clients.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct ClientCategory {
    /// YClients' number.
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    /// Name.
    #[serde(deserialize_with = "loose::text")]
    pub title: Option<String>,
}

/// A client to be.
#[derive(Debug, Clone, PartialEq)]
pub struct NewClient {
    /// Name.
    pub name: String,
    /// Phone.
    pub phone: Phone,
    /// E-mail.
    pub email: Option<String>,
    /// Remark of the salon.
    pub comment: Option<String>,
}

impl Known for Client {
    fn is_known(&self) -> bool {
        self.id.is_some()
    }
}

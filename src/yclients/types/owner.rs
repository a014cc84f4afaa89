//! The owner in the redirect's signed data.

use serde::Deserialize;

use super::loose;

/// `user_data` of the redirect.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OwnerData {
    #[serde(deserialize_with = "loose::id")]
    pub id: Option<u64>,
    #[serde(deserialize_with = "loose::id")]
    pub user_id: Option<u64>,
    #[serde(deserialize_with = "loose::text")]
    pub name: Option<String>,
    #[serde(deserialize_with = "loose::text")]
    pub phone: Option<String>,
    #[serde(deserialize_with = "loose::text")]
    pub email: Option<String>,
    #[serde(deserialize_with = "loose::text")]
    pub salon_name: Option<String>,
}

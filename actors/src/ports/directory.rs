//! All companies at a glance, for people who search among thousands.

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use super::RecordsError;
use crate::ids::{CompanyId, SalonId};
use crate::records::{CompanyRecord, IntegrationStatus};

/// A company as one line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CompanyRow {
    /// Ours.
    pub company_id: CompanyId,
    /// YClients'.
    pub salon_id: SalonId,
    /// Salon's name; hostile until escaped.
    pub title: Option<String>,
    /// Where it stands.
    pub status: IntegrationStatus,
    /// The linked number, `+7…`.
    pub whatsapp_phone: Option<String>,
    /// First registration.
    pub created_at: DateTime<Utc>,
    /// Latest registration.
    pub registered_at: DateTime<Utc>,
    /// When the integration became active.
    pub connected_at: Option<DateTime<Utc>>,
    /// Last write.
    pub updated_at: DateTime<Utc>,
    /// What a search looks through: names and numbers in small letters.
    pub haystack: String,
}

impl From<&CompanyRecord> for CompanyRow {
    fn from(record: &CompanyRecord) -> Self {
        let phone = record.whatsapp_phone.as_ref();
        let title = record.title.as_deref().unwrap_or("");
        let digits = [record.phone.as_ref(), phone].into_iter().flatten().map(|phone| phone.digits());
        let words = [record.email.as_deref(), record.address.as_deref()].into_iter().flatten().chain(digits);
        let haystack = words.fold(format!("{title}\n{}", record.salon_id), |all, word| format!("{all}\n{word}"));
        Self {
            company_id: record.company_id,
            salon_id: record.salon_id,
            title: record.title.clone(),
            status: record.integration_status,
            whatsapp_phone: phone.map(|phone| phone.e164()),
            created_at: record.created_at,
            registered_at: record.registered_at,
            connected_at: record.connected_at,
            updated_at: record.updated_at,
            haystack: haystack.to_lowercase(),
        }
    }
}

/// The list of all companies.
#[async_trait]
pub trait CompanyDirectory: Send + Sync + 'static {
    /// Every company, by number. Shared lines: cheap for ten thousand.
    async fn rows(&self) -> Result<Vec<Arc<CompanyRow>>, RecordsError>;
}

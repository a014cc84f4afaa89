//! Keys and secrets that are given out: an integrator's key, the secret of the data webhook's address. And the end of a removed salon's data.

use chrono::{DateTime, Utc};
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::desk::Desk;
use super::onboarding::Funnel;
use super::saga::new_secret;
use super::{commits, secrets};
use crate::ids::{Phone, Secret};
use crate::ports::RecordsError;
use crate::records::{Change, CompanyRecord, Erasure, EventKind, IntegrationStatus};
use crate::session::machine::Wish;

/// How an integrator's key begins.
const CLIENT_KEY: &str = "sk_";

/// What an integrator tells with a registration.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Enrolment {
    /// The window counts from here.
    pub registered_at: DateTime<Utc>,
    /// Salon's phone.
    pub phone: Option<Phone>,
    /// Salon's e-mail.
    pub email: Option<String>,
}

impl CompanyRecord {
    /// Is this the key that [`FleetHandle::enroll`](crate::FleetHandle::enroll) gave out for this company? Constant time.
    pub fn is_client_key(&self, key: &str) -> bool {
        let presented = commits::key_hash(&Secret::new(key));
        self.client_key_hash.as_ref().is_some_and(|hash| presented.as_bytes().ct_eq(hash.as_bytes()).into())
    }
}

/// The record after an integrator registered the salon. A removed or failed one begins anew; what YClients froze stays frozen.
pub(crate) fn enrolled(record: &CompanyRecord, enrolment: &Enrolment, key: &Secret) -> CompanyRecord {
    let mut next = record.clone();
    next.client_key_hash = Some(commits::key_hash(key));
    next.phone = enrolment.phone.clone().or(next.phone);
    next.email = enrolment.email.clone().or(next.email);
    next.updated_at = enrolment.registered_at;
    match record.integration_status {
        IntegrationStatus::Active | IntegrationStatus::Frozen | IntegrationStatus::Activating => {}
        IntegrationStatus::Pending
        | IntegrationStatus::PendingWhatsapp
        | IntegrationStatus::ActivationFailed
        | IntegrationStatus::Uninstalled => {
            next.integration_status = IntegrationStatus::Pending;
            next.registered_at = enrolment.registered_at;
        }
    }
    next
}

impl Desk {
    pub(super) async fn enroll(&mut self, enrolment: &Enrolment) -> Result<Secret, RecordsError> {
        let Some(record) = &self.record else { return Err(RecordsError::Closed) };
        let key = Secret::new(format!("{CLIENT_KEY}{}", new_secret().expose()));
        let next = enrolled(record, enrolment, &key);
        let began_anew = next.registered_at != record.registered_at;
        let line = commits::event(&next, EventKind::ClientKeyIssued, Value::Null, enrolment.registered_at);
        self.commit(vec![Change::PutCompany(Box::new(next.clone())), line], next).await?;
        if began_anew {
            self.funnel = Funnel::default();
            self.page_seen = self.args.presence.watched();
            self.arm_window();
            if self.held().is_none() && !self.unpark().await {
                self.wish(Wish::Renew);
            }
        }
        self.settle().await;
        Ok(key)
    }

    pub(super) async fn rotate_webhook_secret(&mut self) -> Result<Option<Secret>, RecordsError> {
        let Some(record) = &self.record else { return Err(RecordsError::Closed) };
        let secret = new_secret();
        let Some(url) = self.webhook_url(&secret) else { return Ok(None) };
        let now = self.args.ports.clock.now();
        let mut next = CompanyRecord { updated_at: now, ..record.clone() };
        secrets::begin(&mut next, &secret);
        let line = commits::event(record, EventKind::WebhookSecretRotated, Value::Null, now);
        self.commit(vec![Change::PutCompany(Box::new(next.clone())), line], next).await?;
        Ok(Some(url))
    }

    pub(super) async fn erase(&mut self, plan: &Erasure) -> Result<(), RecordsError> {
        let Some(record) = &self.record else { return Err(RecordsError::Closed) };
        let (next, changes) = commits::of_erasure(record, plan, self.args.ports.clock.now());
        self.commit(changes, next).await?;
        tracing::info!("what the removed salon left behind is erased");
        self.show();
        Ok(())
    }
}

//! Webhooks in: stored durably in the caller's own task, straight from and to the store, so that they are taken even while the fleet is busy or
//! draining; then the company is told. And what people ask about them.

use serde_json::Value;

use super::{CallError, FleetHandle, FleetMsg};
use crate::ids::{CompanyId, SalonId};
use crate::records::{
    Appended, CompanyRecord, DataEvent, InboxEvent, InboxId, InboxPage, InboxQuery, LifecycleEvent, NewInboxEntry, WebhookDoor,
};

impl FleetHandle {
    /// Stores a lifecycle webhook durably, then tells the company. The caller has checked the partner token.
    /// `body` must be without secrets. An unknown salon is stored too.
    pub async fn accept_webhook(&self, salon: SalonId, event: LifecycleEvent, body: Value) -> Result<(), CallError> {
        let company = self.webhook_door(salon).await?.map(|door| door.company_id);
        self.take(company, salon, InboxEvent::Lifecycle(event), body).await?;
        Ok(())
    }

    /// Stores a data webhook durably, then tells the company. The caller has checked the secret against the salon's door.
    pub async fn accept_data(&self, company: CompanyId, salon: SalonId, event: DataEvent, body: Value) -> Result<Appended, CallError> {
        self.take(Some(company), salon, InboxEvent::Data(event), body).await
    }

    /// Stores what came to a company's old address durably, then tells the company. The caller has checked the company's key.
    pub async fn accept_legacy(&self, company: CompanyId, salon: SalonId, name: &str, body: Value) -> Result<Appended, CallError> {
        self.take(Some(company), salon, InboxEvent::Legacy(crate::records::short_name(name)), body).await
    }

    /// Keeps what a stranger sent to a company's old address, for questions: only the latest few, and nobody is woken.
    pub async fn keep_unverified(&self, company: CompanyId, salon: SalonId, name: &str, body: Value) -> Result<(), CallError> {
        let entry = self.entry(Some(company), salon, InboxEvent::Legacy(crate::records::short_name(name)), body);
        Ok(self.inner.ports.records.keep_unverified(company, entry).await?)
    }

    /// The stored record of a company, without waking it.
    pub async fn stored(&self, company: CompanyId) -> Result<Option<CompanyRecord>, CallError> {
        Ok(self.inner.ports.records.company(company).await?.map(|stored| stored.company))
    }

    /// What a salon's data webhook is checked against. `None`: the salon is not known here.
    pub async fn webhook_door(&self, salon: SalonId) -> Result<Option<WebhookDoor>, CallError> {
        Ok(self.inner.ports.records.webhook_door(salon).await?)
    }

    /// Webhooks for people, in pages.
    pub async fn inbox(&self, query: InboxQuery) -> Result<InboxPage, CallError> {
        Ok(self.inner.ports.records.list_inbox(query).await?)
    }

    /// Puts a dead letter back to be acted on; durable when it returns. `false`: there is no such dead letter, or nothing is left of it.
    pub async fn replay(&self, company: CompanyId, id: InboxId) -> Result<bool, CallError> {
        let replayed = self.inner.ports.records.replay_inbox(company, id).await?;
        if replayed {
            self.announce(company);
        }
        Ok(replayed)
    }

    async fn take(&self, company: Option<CompanyId>, salon: SalonId, event: InboxEvent, body: Value) -> Result<Appended, CallError> {
        let entry = self.entry(company, salon, event, body);
        let appended = self.inner.ports.records.append_inbox(entry).await?;
        if let (Some(company), Appended::Stored(_)) = (company, appended) {
            self.announce(company);
        }
        Ok(appended)
    }

    fn entry(&self, company_id: Option<CompanyId>, salon_id: SalonId, event: InboxEvent, body: Value) -> NewInboxEntry {
        NewInboxEntry { company_id, salon_id, event, received_at: self.inner.ports.clock.now(), body }
    }

    /// Has a company told that webhooks wait. Nobody waits for it: they are stored. When it can't be told, they wait for the next one, the next
    /// sweep or the next start.
    pub(super) fn announce(&self, company: CompanyId) {
        if self.open().is_err() {
            return;
        }
        let place = self.inner.admission.clone().try_acquire_owned().ok();
        let told = place.is_some_and(|place| self.inner.actor.send_message(FleetMsg::Mail(company, place)).is_ok());
        if !told {
            tracing::warn!(company.id = %company, "a webhook waits for the next sweep or start");
        }
    }
}

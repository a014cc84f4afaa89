//! The port.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use frontdesk_actors::ids::{CompanyId, SalonId};
use frontdesk_actors::ports::{InboxRecords, RecordsError};
use frontdesk_actors::records::{
    Appended, Erasure, InboxEntry, InboxId, InboxPage, InboxQuery, NewInboxEntry, Pruned, Retention, WebhookDoor,
};

use super::{append, bury_unreadable, keep_unverified, replay};
use crate::store::Store;
use crate::store::ports::{HEAVY_BYTES, LIGHT_BYTES};

#[async_trait]
impl InboxRecords for Store {
    async fn webhook_door(&self, salon: SalonId) -> Result<Option<WebhookDoor>, RecordsError> {
        self.0.reader.webhook_door(salon)
    }

    async fn append_inbox(&self, entry: NewInboxEntry) -> Result<Appended, RecordsError> {
        // A guess that is cheap to make; the body is cut to what a record may hold anyway.
        self.submit(HEAVY_BYTES / 4, |draft| append(draft, entry)).await
    }

    async fn keep_unverified(&self, company: CompanyId, entry: NewInboxEntry) -> Result<(), RecordsError> {
        self.submit(HEAVY_BYTES, move |draft| keep_unverified(draft, company, entry)).await
    }

    async fn pending_inbox(&self, company: CompanyId, limit: usize) -> Result<Vec<InboxEntry>, RecordsError> {
        let (entries, unreadable) = self.0.reader.pending_inbox(company, limit)?;
        for id in unreadable {
            tracing::error!(company.id = %company, inbox.id = id.0, "store.webhook_unreadable: it goes to the dead letters");
            self.submit(HEAVY_BYTES, move |draft| bury_unreadable(draft, company, id)).await?;
        }
        Ok(entries)
    }

    async fn companies_with_mail(&self, limit: usize) -> Result<Vec<CompanyId>, RecordsError> {
        self.0.reader.companies_with_mail(limit)
    }

    async fn list_inbox(&self, query: InboxQuery) -> Result<InboxPage, RecordsError> {
        let reader = self.0.reader.clone();
        let reading = tokio::task::spawn_blocking(move || reader.list_inbox(query));
        reading.await.map_err(|_| RecordsError::Failed("listing webhooks was interrupted".to_owned()))?
    }

    async fn replay_inbox(&self, company: CompanyId, id: InboxId) -> Result<bool, RecordsError> {
        self.submit(HEAVY_BYTES, move |draft| replay(draft, company, id)).await
    }

    async fn due_erasures(&self, now: DateTime<Utc>, after: Option<&Erasure>, limit: usize) -> Result<Vec<Erasure>, RecordsError> {
        self.0.reader.due_erasures(now, after, limit)
    }

    async fn prune(&self, retention: Retention, now: DateTime<Utc>) -> Result<Pruned, RecordsError> {
        let last = self.0.counters.borrow().last_company;
        let mut pruned = Pruned::default();
        for number in 0..=last {
            let company = CompanyId::try_from(number).ok();
            match self.prune_one(company, &retention, now).await {
                Ok(one) => pruned = Pruned { inbox: pruned.inbox + one.inbox, events: pruned.events + one.events },
                // It is the store, not the company: nobody else can be pruned now either.
                Err(error) if error == RecordsError::Overloaded || self.0.health.check().is_err() => return Err(error),
                Err(error) => tracing::warn!(company.id = number, %error, "store.not_pruned: this company keeps its past for now"),
            }
            tokio::task::yield_now().await;
        }
        Ok(pruned)
    }
}

impl Store {
    /// Forgets the past of one company; `None`: of unknown salons. A commit for each handful, so that nobody else's waits for long.
    async fn prune_one(&self, company: Option<CompanyId>, retention: &Retention, now: DateTime<Utc>) -> Result<Pruned, RecordsError> {
        let mut pruned = Pruned::default();
        loop {
            let old = self.0.reader.outlived(company, retention, now)?;
            if old.is_empty() {
                return Ok(pruned);
            }
            pruned.inbox += old.inbox.len() as u64;
            pruned.events += old.events.len() as u64;
            let gone = old.inbox.into_iter().chain(old.events).collect::<Vec<_>>();
            self.submit(LIGHT_BYTES, move |draft| gone.into_iter().try_for_each(|key| draft.remove(key))).await?;
        }
    }
}

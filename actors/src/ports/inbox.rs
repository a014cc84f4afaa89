//! What the store must provide for webhooks: an inbox that loses nothing, dead letters, and an end for both.

use async_trait::async_trait;
use chrono::{DateTime, Utc};

use crate::ids::{CompanyId, SalonId};
use crate::ports::RecordsError;
use crate::records::{Appended, Erasure, InboxEntry, InboxId, InboxPage, InboxQuery, NewInboxEntry, Pruned, Retention, WebhookDoor};

/// The store's inbox. Every `Ok` of a write means: survives kill -9 and power loss.
#[async_trait]
pub trait InboxRecords: Send + Sync + 'static {
    /// The company of a salon and what its data webhook is checked against. Cheap: asked for every webhook.
    async fn webhook_door(&self, salon: SalonId) -> Result<Option<WebhookDoor>, RecordsError>;

    /// Stores a webhook before it is answered. A data event that is stored or done already, within its time, is `Repeated`.
    async fn append_inbox(&self, entry: NewInboxEntry) -> Result<Appended, RecordsError>;

    /// Keeps what came without a credential, for questions: the latest few of each company.
    async fn keep_unverified(&self, company: CompanyId, entry: NewInboxEntry) -> Result<(), RecordsError>;

    /// Webhooks of a company not acted on yet, oldest first, at most `limit`. One whose record can't be read goes to the dead letters.
    async fn pending_inbox(&self, company: CompanyId, limit: usize) -> Result<Vec<InboxEntry>, RecordsError>;

    /// Companies with webhooks not acted on yet, at most `limit`.
    async fn companies_with_mail(&self, limit: usize) -> Result<Vec<CompanyId>, RecordsError>;

    /// Entries for people.
    async fn list_inbox(&self, query: InboxQuery) -> Result<InboxPage, RecordsError>;

    /// Puts a dead letter back among the pending ones, as if never tried. `false`: there is no such dead letter.
    async fn replay_inbox(&self, company: CompanyId, id: InboxId) -> Result<bool, RecordsError>;

    /// Plans that are due, in the order of their time, from behind the plan `after` on, at most `limit`. One that can't be read is left out.
    async fn due_erasures(&self, now: DateTime<Utc>, after: Option<&Erasure>, limit: usize) -> Result<Vec<Erasure>, RecordsError>;

    /// Forgets the past beyond what is kept, in portions that leave room for others. A company that can't be read is left out.
    async fn prune(&self, retention: Retention, now: DateTime<Utc>) -> Result<Pruned, RecordsError>;
}

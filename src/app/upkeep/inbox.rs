//! A look at the inbox now and then: how much waits, since when, and how much was given up.

use std::time::Duration;

use chrono::{DateTime, Utc};
use frontdesk_actors::ports::{InboxRecords, RecordsError};
use frontdesk_actors::records::{InboxQuery, InboxShelf};

use crate::metrics::{self, Inbox};

/// Entries of a shelf that are counted at most: more is as bad.
const COUNTED: usize = 1_000;

/// Entries read at once.
const PAGE: usize = 200;

/// Counts both shelves that somebody may have to act on.
pub(super) async fn look(records: &impl InboxRecords) {
    match inbox(records).await {
        Ok(inbox) => metrics::inbox_measured(inbox),
        Err(error) => tracing::debug!(%error, "the inbox can't be looked at"),
    }
}

async fn inbox(records: &impl InboxRecords) -> Result<Inbox, RecordsError> {
    let (waiting, oldest) = shelf(records, InboxShelf::Pending).await?;
    let (dead, _) = shelf(records, InboxShelf::Dead).await?;
    let age = |since: DateTime<Utc>| (Utc::now() - since).to_std().unwrap_or_default();
    Ok(Inbox { waiting, oldest: oldest.map_or(Duration::ZERO, age), dead })
}

/// How many lie there, and since when the oldest does. Shelves are ordered by company first, so every entry is looked at.
async fn shelf(records: &impl InboxRecords, shelf: InboxShelf) -> Result<(usize, Option<DateTime<Utc>>), RecordsError> {
    let (mut count, mut oldest, mut after) = (0, None::<DateTime<Utc>>, None);
    while count < COUNTED {
        let page = records.list_inbox(InboxQuery { shelf, company: None, after, limit: PAGE }).await?;
        count += page.rows.len();
        let earliest = page.rows.iter().map(|row| row.received_at).min();
        oldest = oldest.into_iter().chain(earliest).min();
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    Ok((count, oldest))
}

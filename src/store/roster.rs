//! One line per company in memory, so that a search through all of them reads nothing. Filled at the first question, kept up by the writer.
//!
//! ```text
//! writer ── each commit's companies ──▶ lines ◀── those that are missing ── a walk over the disk, once
//! ```
//!
//! Lines of the writer are never older than what the walk finds, whichever comes first; so the walk only adds what is missing.

use std::collections::BTreeMap;
use std::sync::Arc;

use frontdesk_actors::ids::CompanyId;
use frontdesk_actors::ports::CompanyRow;
use tokio::sync::{OnceCell, watch};

type Lines = BTreeMap<CompanyId, Arc<CompanyRow>>;

/// The lines. The channel serves as a shared cell; nobody waits on it.
#[derive(Debug)]
pub(super) struct Roster {
    lines: watch::Sender<Lines>,
    filled: OnceCell<()>,
}

impl Default for Roster {
    fn default() -> Self {
        Self { lines: watch::Sender::new(Lines::new()), filled: OnceCell::new() }
    }
}

impl Roster {
    /// These companies were committed.
    pub(super) fn committed(&self, rows: Vec<CompanyRow>) {
        if rows.is_empty() {
            return;
        }
        self.lines.send_modify(|lines| lines.extend(rows.into_iter().map(|row| (row.company_id, Arc::new(row)))));
    }

    /// Every line, by number; the first caller has `walk` find what the disk holds.
    pub(super) async fn rows<E>(&self, walk: impl AsyncFnOnce() -> Result<Vec<CompanyRow>, E>) -> Result<Vec<Arc<CompanyRow>>, E> {
        self.filled
            .get_or_try_init(async || {
                let found = walk().await?;
                self.lines.send_modify(|lines| {
                    for row in found {
                        lines.entry(row.company_id).or_insert_with(|| Arc::new(row));
                    }
                });
                Ok(())
            })
            .await?;
        Ok(self.lines.borrow().values().cloned().collect())
    }
}

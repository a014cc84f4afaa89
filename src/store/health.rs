//! May the store still be used? Set by the writer, read by everyone before every answer.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use frontdesk_actors::ports::RecordsError;

/// Open, failed or closed.
#[derive(Debug, Default)]
pub(super) struct Health {
    closed: AtomicBool,
    failed: OnceLock<String>,
}

impl Health {
    /// The store is being closed.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
    }

    /// A commit failed: what was applied and not synced must not be shown, so reads end too.
    pub(super) fn fail(&self, why: String) {
        let _ = self.failed.set(why); // the first reason stays
    }

    /// The error that everyone gets, if there is one.
    pub(super) fn check(&self) -> Result<(), RecordsError> {
        match self.failed.get() {
            Some(why) => Err(RecordsError::Failed(why.clone())),
            None if self.closed.load(Ordering::SeqCst) => Err(RecordsError::Closed),
            None => Ok(()),
        }
    }

    /// Did a commit fail?
    pub(super) fn failure(&self) -> Option<RecordsError> {
        self.failed.get().map(|why| RecordsError::Failed(why.clone()))
    }
}

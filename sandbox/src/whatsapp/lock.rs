//! The one lock of this simulation: held for a moment, never across an await.

use std::sync::{MutexGuard, PoisonError};

/// State that links and callers share.
#[expect(clippy::disallowed_types, reason = "the simulated world is shared data without actors; every access is short and synchronous")]
#[derive(Default)]
pub(crate) struct Lock<T>(std::sync::Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value.into())
    }

    /// Waits for the value. A holder that panicked has been reported; its task is gone, the world goes on.
    pub(crate) fn hold(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

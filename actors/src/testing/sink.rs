//! An observer that remembers.

#![expect(
    clippy::disallowed_types,
    reason = "a fake is shared with the test that looks into it; the lock is held for a push or a clone"
)]

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::events::Fact;
use crate::ports::EventSink;

/// Keeps every fact, in order.
#[derive(Debug, Default)]
pub struct RecordingSink {
    facts: Mutex<Vec<Fact>>,
}

impl RecordingSink {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// All facts so far.
    pub fn facts(&self) -> Vec<Fact> {
        self.lock().clone()
    }

    /// How many facts fulfil `wanted`.
    pub fn count(&self, wanted: impl Fn(&Fact) -> bool) -> usize {
        self.lock().iter().filter(|fact| wanted(fact)).count()
    }

    /// Waits until a fact fulfils `wanted`.
    pub async fn until(&self, wanted: impl Fn(&Fact) -> bool) {
        super::wait_until("a fact", || self.count(&wanted) > 0).await;
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Fact>> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for RecordingSink {
    fn publish(&self, fact: &Fact) {
        self.lock().push(fact.clone());
    }
}

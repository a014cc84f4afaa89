//! An observer that remembers.

#![expect(clippy::disallowed_types, reason = "a fake is shared with the test that looks into it; the lock is held for a push or a clone")]

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::events::Fact;
use crate::ports::EventSink;

type Bomb = (usize, Box<dyn Fn(&Fact) -> bool + Send>);

/// Keeps every fact, in order. Can be made to panic, which crashes the actor that publishes.
#[derive(Default)]
pub struct RecordingSink {
    facts: Mutex<Vec<Fact>>,
    bomb: Mutex<Option<Bomb>>,
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

    /// The next `times` facts that fulfil `wanted` panic in the actor that publishes them. Against the port's contract, on purpose.
    pub fn panic_on(&self, times: usize, wanted: impl Fn(&Fact) -> bool + Send + 'static) {
        *self.bomb.lock().unwrap_or_else(PoisonError::into_inner) = Some((times, Box::new(wanted)));
    }

    fn is_bombed(&self, fact: &Fact) -> bool {
        let mut bomb = self.bomb.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *bomb {
            Some((times, wanted)) if *times > 0 && wanted(fact) => {
                *times -= 1;
                true
            }
            Some(_) | None => false,
        }
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
        assert!(!self.is_bombed(fact), "scripted panic in an observer");
    }
}

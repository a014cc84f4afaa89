//! Memory for bodies that are being read. Small ones are free; large ones share a fixed amount, so that slow senders of many can't fill the machine.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Room is counted in steps of this many bytes; the first step of each body is free.
const STEP_BYTES: usize = 16 * 1024;

/// Steps for all large bodies together (64 MiB).
const STEPS: usize = 4096;

/// What all large bodies share.
#[derive(Debug)]
pub(super) struct Bodies(Arc<Semaphore>);

impl Default for Bodies {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(STEPS)))
    }
}

impl Bodies {
    /// Room for one body.
    pub(super) fn room(&self) -> BodyRoom {
        BodyRoom { shared: Arc::clone(&self.0), taken: Vec::new() }
    }
}

/// Room one body takes; given back when dropped.
#[derive(Debug)]
pub struct BodyRoom {
    shared: Arc<Semaphore>,
    taken: Vec<OwnedSemaphorePermit>,
}

impl BodyRoom {
    /// Takes what a body of this many bytes needs; `false` when there is not enough left.
    pub fn holds(&mut self, bytes: usize) -> bool {
        while (self.taken.len() + 1) * STEP_BYTES < bytes {
            match Arc::clone(&self.shared).try_acquire_owned() {
                Ok(step) => self.taken.push(step),
                Err(_) => return false,
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_bodies_share_what_there_is_and_small_ones_always_fit() {
        let bodies = Bodies::default();
        let mut large: Vec<BodyRoom> = (0..100).map(|_| bodies.room()).collect();
        let held = large.iter_mut().filter_map(|room| room.holds(1024 * 1024).then_some(())).count();
        assert!((60..=70).contains(&held), "{held} of 1 MiB fit into 64 MiB");
        assert!(bodies.room().holds(STEP_BYTES));
        assert!(!bodies.room().holds(STEP_BYTES + 1));
        drop(large);
        assert!(bodies.room().holds(1024 * 1024));
    }
}

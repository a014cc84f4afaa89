//! Whether this process should get traffic. Set by the app, read by `/readyz`, `/health` and load balancers.

use std::sync::Arc;

use tokio::sync::watch;

/// What the process is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Opening the store, restoring sessions' actors.
    Starting,
    /// Serving.
    Ready,
    /// Told to stop: finishes what it has.
    Draining,
    /// Nothing can be stored any more: an operator must act.
    StoreFailed,
}

impl Phase {
    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ok",
            Self::Draining => "draining",
            Self::StoreFailed => "store_failed",
        }
    }
}

/// Shared view of the [`Phase`]. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Readiness(Arc<watch::Sender<Phase>>);

impl Readiness {
    /// Starts in [`Phase::Starting`].
    pub fn starting() -> Self {
        Self(Arc::new(watch::Sender::new(Phase::Starting)))
    }

    /// Enters a phase. A failed store stays failed, except that the process may drain.
    pub fn enter(&self, phase: Phase) {
        self.0.send_if_modified(|present| {
            let stuck = *present == Phase::StoreFailed && phase != Phase::Draining;
            let changed = !stuck && *present != phase;
            if changed {
                *present = phase;
            }
            changed
        });
    }

    /// The present phase.
    pub fn phase(&self) -> Phase {
        *self.0.borrow()
    }

    /// Every later phase.
    pub fn watch(&self) -> watch::Receiver<Phase> {
        self.0.subscribe()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_store_is_not_talked_ready_again() {
        let readiness = Readiness::starting();
        readiness.enter(Phase::Ready);
        readiness.enter(Phase::StoreFailed);
        readiness.enter(Phase::Ready);
        assert_eq!(readiness.phase(), Phase::StoreFailed);
        readiness.enter(Phase::Draining);
        assert_eq!(readiness.phase(), Phase::Draining);
    }
}

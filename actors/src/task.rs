//! Tasks and timers with an owner: dropping the guard ends them.

use std::future::Future;
use std::time::Duration;

use ractor::{ActorRef, Message};
use tokio::task::{JoinHandle, JoinSet};

/// A running task that is aborted when this is dropped.
#[derive(Debug)]
pub(crate) struct OwnedTask {
    _task: JoinSet<()>,
}

impl OwnedTask {
    /// Runs `work`; `report` gets its outcome, or `None` when it panicked. Neither happens after the guard is dropped.
    pub(crate) fn spawn<T: Send + 'static>(
        work: impl Future<Output = T> + Send + 'static,
        report: impl FnOnce(Option<T>) + Send + 'static,
    ) -> Self {
        let mut task = JoinSet::new();
        task.spawn(async move {
            // A task of its own, so that its panic is an outcome here and not the end of the report.
            let mut inner = JoinSet::new();
            inner.spawn(work);
            let outcome = inner.join_next().await;
            report(outcome.and_then(Result::ok));
        });
        Self { _task: task }
    }
}

/// A message that will be sent later unless this is dropped.
#[derive(Debug)]
pub(crate) struct OwnedTimer {
    timer: JoinHandle<()>,
}

impl OwnedTimer {
    /// Sends `message` to `actor` after `wait`.
    pub(crate) fn start<M: Message>(actor: &ActorRef<M>, wait: Duration, message: M) -> Self {
        let actor = actor.clone();
        let timer = tokio::spawn(async move {
            tokio::time::sleep(wait).await;
            let _ = actor.send_message(message);
        });
        Self { timer }
    }
}

impl Drop for OwnedTimer {
    fn drop(&mut self) {
        self.timer.abort();
    }
}

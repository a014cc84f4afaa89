//! What a link holds, and how it lets go of it: in order, bounded in time, also when the link is dropped.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::Instrument;
use wacore::store::traits::DeviceStore;
use whatsapp_rust::Client;
use whatsapp_rust::bot::Bot;

use super::super::Shared;
use super::super::backend::Backend;
use super::super::egress::Line;
use super::tasks::LinkTasks;

/// The library flushes batches, receipts and state, 5 s at most for each; then it is cut off.
const DISCONNECT_LIMIT: Duration = Duration::from_secs(15);

/// The service closes its side of the connection within a round trip.
const HANG_UP_LIMIT: Duration = Duration::from_secs(1);

/// After the disconnect the run loop returns at once; a store that hangs must not hold the end up for ever.
const STEP_LIMIT: Duration = Duration::from_secs(5);

/// Guard of a link's client, connection and permit.
pub(super) struct Held {
    parts: Option<Parts>,
    closing: TaskTracker,
}

struct Parts {
    backend: Arc<Backend>,
    line: Arc<Line>,
    permit: Arc<OwnedSemaphorePermit>,
    client: Option<Arc<Client>>,
    /// Whatever the client starts.
    tasks: LinkTasks,
    /// The client's run loop, until it has ended.
    run: Option<JoinHandle<()>>,
}

impl Held {
    pub(super) fn new(shared: &Shared, backend: Backend, permit: Arc<OwnedSemaphorePermit>) -> Self {
        let (backend, line) = (Arc::new(backend), Arc::new(Line::new()));
        let parts = Parts { backend, line, permit, client: None, tasks: LinkTasks::default(), run: None };
        Self { parts: Some(parts), closing: shared.closing.clone() }
    }

    /// Starts the client's run loop on a task of its own, so that a panic in it is seen as one.
    pub(super) fn start(&mut self, bot: Bot) {
        let parts = self.parts_mut();
        parts.client = Some(bot.client());
        parts.run = Some(tokio::spawn(bot.run()));
    }

    pub(super) fn backend(&self) -> &Arc<Backend> {
        &self.parts().backend
    }

    pub(super) fn line(&self) -> &Arc<Line> {
        &self.parts().line
    }

    /// Where the client's tasks run: they end when all is let go.
    pub(super) fn tasks(&self) -> LinkTasks {
        self.parts().tasks.clone()
    }

    /// Weak, because the dialer lives as long as any task of the library: a dial after the end finds nothing.
    pub(super) fn permit(&self) -> Weak<OwnedSemaphorePermit> {
        Arc::downgrade(&self.parts().permit)
    }

    pub(super) fn client(&self) -> Arc<Client> {
        Arc::clone(self.parts().client.as_ref().expect("asked after `start` only"))
    }

    /// Waits until the client's run loop has returned or panicked. Can be dropped and called again until then.
    pub(super) async fn ended(&mut self) -> Result<(), JoinError> {
        let run = self.parts_mut().run.as_mut().expect("asked after `start` and once to the end");
        let outcome = run.await;
        self.parts_mut().run = None;
        outcome
    }

    /// Closes everything and returns when it is closed. Goes on when the caller is dropped meanwhile, but writes nothing more then.
    pub(super) async fn let_go(mut self) {
        if let Some(parts) = self.parts.take() {
            let _deserted = Deserted(Arc::clone(&parts.backend));
            // A panic in there is reported by tokio and has dropped what it held.
            let _ = self.closing.spawn(parts.let_go().in_current_span()).await;
        }
    }

    fn parts(&self) -> &Parts {
        self.parts.as_ref().expect("only `let_go` takes them, and it takes the whole guard")
    }

    fn parts_mut(&mut self) -> &mut Parts {
        self.parts.as_mut().expect("only `let_go` takes them, and it takes the whole guard")
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let Some(parts) = self.parts.take() else { return };
        parts.backend.refuse();
        if let Some(client) = &parts.client {
            client.signal_shutdown_sync();
        }
        if Handle::try_current().is_ok() {
            self.closing.spawn(parts.let_go().in_current_span());
        } else {
            parts.tasks.end();
            parts.line.cut();
        }
    }
}

/// Whoever waits for the end of a link may erase its credentials after it, or when it gives up waiting. So a link that nobody waits for must not
/// write: it would bring them back.
struct Deserted(Arc<Backend>);

impl Drop for Deserted {
    fn drop(&mut self) {
        self.0.refuse();
    }
}

impl Parts {
    async fn let_go(mut self) {
        let connection = self.line.hold();
        if let Some(client) = self.client.take() {
            self.shut_down(&client).await;
        }
        if let Some(connection) = connection {
            // A service that doesn't close its side has nothing more to wait for.
            let _ = timeout(HANG_UP_LIMIT, Line::hang_up(connection)).await;
        }
        if timeout(STEP_LIMIT, self.backend.retire()).await.is_err() {
            self.backend.refuse();
            tracing::error!("a write of the closed link hangs in the store");
        }
        self.tasks.end();
        self.line.cut();
        if timeout(STEP_LIMIT, self.line.gone()).await.is_err() {
            tracing::error!("the link's connection is still held; the company's next link waits for it");
        }
        drop(self.permit);
    }

    async fn shut_down(&mut self, client: &Arc<Client>) {
        if timeout(DISCONNECT_LIMIT, client.disconnect()).await.is_err() {
            tracing::warn!("the link did not close in time and is cut off");
            self.line.cut();
        }
        if let Some(mut run) = self.run.take()
            && timeout(STEP_LIMIT, &mut run).await.is_err()
        {
            run.abort();
            let _ = run.await;
        }
        // The library's own save can be a step behind: it marks the device as saved before the write.
        let device = client.persistence_manager().get_device_snapshot();
        let saved = matches!(timeout(STEP_LIMIT, self.backend.save(&device)).await, Ok(Ok(())));
        if !saved && !self.backend.refuses() {
            tracing::error!("the last state of the link's device could not be stored");
        }
    }
}

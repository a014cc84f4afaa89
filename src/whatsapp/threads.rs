//! Threads for links only.
//!
//! No runtime can stop code that never waits. A link that runs in circles keeps one of these threads for itself; the server's own threads, and with them
//! the actors that supervise it, go on. Its company dials no second link, because the first one never gives its permit back: one bad link costs
//! one thread, however long it lasts.

use std::future::Future;

use frontdesk_actors::ports::LinkEnd;
use tokio::runtime::{Builder, Runtime, RuntimeMetrics};
use tokio::task::JoinSet;

/// Blocking work of links is short: keys, files, HTTP.
const MAX_BLOCKING_THREADS: usize = 16;

/// Where links run.
pub(super) struct LinkThreads {
    own: Option<Runtime>,
}

impl LinkThreads {
    /// `count` threads, or the caller's own with 0.
    pub(super) fn start(count: usize) -> std::io::Result<Self> {
        if count == 0 {
            return Ok(Self { own: None });
        }
        let mut threads = Builder::new_multi_thread();
        threads.worker_threads(count).max_blocking_threads(MAX_BLOCKING_THREADS).thread_name("link").enable_all();
        Ok(Self { own: Some(threads.build()?) })
    }

    pub(super) fn metrics(&self) -> Option<RuntimeMetrics> {
        self.own.as_ref().map(|own| own.metrics())
    }

    /// Runs a link there. Ends it when this is dropped.
    pub(super) async fn run(&self, link: impl Future<Output = LinkEnd> + Send + 'static) -> LinkEnd {
        let Some(own) = &self.own else { return link.await };
        let mut task = JoinSet::new();
        task.spawn_on(link, own.handle());
        match task.join_next().await {
            Some(Ok(end)) => end,
            // A panic; or the threads are gone, and the process with them.
            Some(Err(_)) | None => LinkEnd::Crashed,
        }
    }
}

/// Never waits for a thread that does not end.
impl Drop for LinkThreads {
    fn drop(&mut self) {
        if let Some(own) = self.own.take() {
            own.shutdown_background();
        }
    }
}

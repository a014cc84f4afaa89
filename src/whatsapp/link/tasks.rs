//! The tasks that the protocol client starts, as the link's own. The client lets some of them sleep on after its connection has ended (a watchdog of
//! three minutes for each login holds the whole client); a salon that flaps would gather dead clients. They end with the link.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use wacore::runtime::{AbortHandle, Runtime};

/// Runs the client's tasks until the link has let go. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(super) struct LinkTasks {
    over: CancellationToken,
}

impl LinkTasks {
    /// Ends every task that still runs, and those that begin later at once.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    fn owned(&self, task: Pin<Box<dyn Future<Output = ()> + Send + 'static>>) -> impl Future<Output = ()> + Send + 'static {
        let over = self.over.clone();
        async move {
            let _ended_early = over.run_until_cancelled_owned(task).await.is_none();
        }
    }
}

impl Runtime for LinkTasks {
    fn spawn(&self, task: Pin<Box<dyn Future<Output = ()> + Send + 'static>>) -> AbortHandle {
        let running = tokio::spawn(self.owned(task));
        AbortHandle::new(move || running.abort())
    }

    fn spawn_detached(&self, task: Pin<Box<dyn Future<Output = ()> + Send + 'static>>) {
        tokio::spawn(self.owned(task));
    }

    fn sleep(&self, time: Duration) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(tokio::time::sleep(time))
    }

    fn spawn_blocking(&self, work: Box<dyn FnOnce() + Send + 'static>) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async {
            let _ = tokio::task::spawn_blocking(work).await;
        })
    }

    /// Other threads run other tasks.
    fn yield_now(&self) -> Option<Pin<Box<dyn Future<Output = ()> + Send>>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_the_client_started_ends_with_the_link() {
        let tasks = LinkTasks::default();
        let (held, gone) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn_detached(Box::pin(async move {
            std::future::pending::<()>().await;
            drop(held);
        }));
        tasks.end();
        gone.await.unwrap_err();
        let (late, gone) = tokio::sync::oneshot::channel::<()>();
        tasks.spawn_detached(Box::pin(async move { late.send(()).unwrap() }));
        gone.await.unwrap_err();
    }

    #[tokio::test]
    async fn a_task_runs_to_its_end_while_the_link_lives() {
        let tasks = LinkTasks::default();
        let (done, told) = tokio::sync::oneshot::channel();
        tasks.spawn_detached(Box::pin(async move { done.send(7).unwrap() }));
        assert_eq!(told.await, Ok(7));
    }
}

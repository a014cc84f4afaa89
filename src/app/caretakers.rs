//! The tasks beside the listeners. None of them ends while the server runs: one that does, by a panic or by itself, is a bug, is told as an error
//! and begun anew. It does not take the salons down with it; what can't work without it is told by the watchdog.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt as _;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::metrics;

/// First wait before a task is begun anew; doubled each time, so that one that always falls keeps nobody busy.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// Longest wait.
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// Runs `task` until `stopping`, again and again if it must be. Given `stopping`, it ends by itself.
pub(super) fn keep<F>(name: &'static str, stopping: &CancellationToken, task: impl Fn() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send,
{
    let stopping = stopping.clone();
    tokio::spawn(async move { kept(name, &stopping, task).await })
}

async fn kept<F: Future<Output = ()>>(name: &'static str, stopping: &CancellationToken, task: impl Fn() -> F) {
    let mut wait = FIRST_WAIT;
    loop {
        let began = Instant::now();
        let ended = AssertUnwindSafe(task()).catch_unwind().await;
        if stopping.is_cancelled() {
            return;
        }
        wait = next_wait(wait, began.elapsed());
        let how = if ended.is_ok() { "ended by itself" } else { "panicked" };
        let again_seconds = wait.as_secs();
        tracing::error!(task = name, how, again_seconds, "task.fell: this is a bug; it is begun anew");
        metrics::task_fell(name);
        tokio::select! {
            () = tokio::time::sleep(wait) => wait *= 2,
            () = stopping.cancelled() => return,
        }
    }
}

/// Whoever ran longer than the longest wait begins with the first one again.
fn next_wait(wait: Duration, ran: Duration) -> Duration {
    if ran > LONGEST_WAIT { FIRST_WAIT } else { wait.min(LONGEST_WAIT) }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_or_ends_is_begun_anew_later_each_time_and_ends_with_the_server() {
        let (stopping, begun) = (CancellationToken::new(), AtomicUsize::new(0));
        let task = || async {
            match begun.fetch_add(1, Ordering::SeqCst) {
                0 | 1 => panic!("a fault of this test"),
                2 => {}
                _ => stopping.cancelled().await,
            }
        };
        tokio::join!(kept("of_this_test", &stopping, task), async {
            let began = Instant::now();
            for (at, times) in [(500, 1), (1_500, 2), (3_500, 3), (7_500, 4), (60_000, 4)] {
                tokio::time::sleep_until(began + Duration::from_millis(at)).await;
                assert_eq!(begun.load(Ordering::SeqCst), times, "after {at} ms");
            }
            stopping.cancel();
        });
    }

    #[test]
    fn waits_grow_to_a_limit_and_are_short_again_after_a_good_while() {
        let seconds = Duration::from_secs;
        assert_eq!(next_wait(seconds(4), seconds(1)), seconds(4));
        assert_eq!(next_wait(seconds(512), seconds(1)), LONGEST_WAIT);
        assert_eq!(next_wait(seconds(512), seconds(3_600)), FIRST_WAIT);
    }
}

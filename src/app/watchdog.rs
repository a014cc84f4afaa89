//! Notices when the inside stops answering, and tells the service manager while it does.
//!
//! ```text
//! watchdog ── pulse, every few seconds ──▶ Fleet's actor, store's writer
//!     │ both answered: beat ──▶ Liveness (/livez) and WATCHDOG=1 (systemd)
//!     └ not in time: nothing; after the limit /livez is 503 and systemd ends the process
//! ```
//!
//! If the whole runtime is stuck, so is this task: then WATCHDOG=1 stops as well.

use std::time::Duration;

use frontdesk_actors::FleetHandle;
use sd_notify::NotifyState;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::http::Liveness;
use crate::store::Store;

/// How often the inside is asked.
const ASK_EVERY: Duration = Duration::from_secs(5);

/// How long an answer may take. The fleet answers in microseconds, the store after at most some hundred commits.
const PATIENCE: Duration = Duration::from_secs(10);

/// Silence longer than this is no hiccup: `/livez` says so.
pub(super) const LIMIT: Duration = Duration::from_secs(30);

/// Watches until `stopping`.
pub(super) async fn run(fleet: FleetHandle, store: Store, liveness: Liveness, stopping: CancellationToken) {
    watch(|| pulse(fleet.clone(), store.clone()), &liveness, &stopping).await;
    liveness.rest();
}

async fn pulse(fleet: FleetHandle, store: Store) -> Result<(), String> {
    fleet.overview().await.map_err(|error| format!("the supervision tree: {error}"))?;
    store.pulse().await.map_err(|error| format!("the store: {error}"))
}

async fn watch<P>(pulse: impl Fn() -> P, liveness: &Liveness, stopping: &CancellationToken)
where
    P: Future<Output = Result<(), String>>,
{
    let mut ticks = interval(ASK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut silent = false;
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = stopping.cancelled() => return,
        }
        let answer = tokio::select! {
            answer = timeout(PATIENCE, pulse()) => answer.unwrap_or_else(|_| Err("no answer in time".to_owned())),
            () = stopping.cancelled() => return,
        };
        match answer {
            Ok(()) => {
                liveness.beat();
                tell(&[NotifyState::Watchdog]);
                if std::mem::take(&mut silent) {
                    tracing::info!("watchdog.recovered: the inside answers again");
                }
            }
            Err(why) if !silent => {
                silent = true;
                tracing::error!(reason = %why, "watchdog.silent: the inside does not answer; the service manager restarts a server that stays so");
            }
            Err(_) => {}
        }
    }
}

/// The server takes requests.
pub(super) fn ready() {
    tell(&[NotifyState::Ready, NotifyState::Status("serving")]);
}

/// The server stops by its own will.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping, NotifyState::Status("stopping: closing sessions")]);
}

/// Without a service manager that listens this does nothing.
fn tell(words: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(words) {
        tracing::warn!(%error, "the service manager can't be told");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_inside_that_stops_answering_is_stuck_after_the_limit_and_well_when_it_answers_again() {
        let (liveness, stopping) = (Liveness::new(LIMIT), CancellationToken::new());
        let hangs = AtomicBool::new(false);
        let pulse = || async {
            while hangs.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Ok(())
        };
        let life = async {
            tokio::time::sleep(Duration::from_secs(60)).await;
            assert_eq!(liveness.stuck(), None);
            hangs.store(true, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(29)).await;
            assert_eq!(liveness.stuck(), None, "a hiccup");
            tokio::time::sleep(Duration::from_secs(10)).await;
            assert!(liveness.stuck().is_some());
            hangs.store(false, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(20)).await;
            assert_eq!(liveness.stuck(), None);
            stopping.cancel();
        };
        tokio::join!(watch(pulse, &liveness, &stopping), life);
    }

    #[tokio::test(start_paused = true)]
    async fn an_inside_that_answers_with_errors_is_stuck_too() {
        let (liveness, stopping) = (Liveness::new(LIMIT), CancellationToken::new());
        liveness.beat();
        let life = async {
            tokio::time::sleep(Duration::from_secs(40)).await;
            assert!(liveness.stuck().is_some());
            stopping.cancel();
        };
        tokio::join!(watch(|| async { Err("closed".to_owned()) }, &liveness, &stopping), life);
    }
}

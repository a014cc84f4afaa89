//! The fleet's housekeeping, now and then: erase, wake, forget.

use std::time::Duration;

use frontdesk_actors::FleetHandle;
use tokio_util::sync::CancellationToken;

/// Sweeps once soon after the start and then every `every`, until the server stops. A sweep that is cut short is repeated by the next one.
pub(super) async fn housekeep(fleet: FleetHandle, every: Duration, stopping: CancellationToken) {
    let mut due = tokio::time::interval(every);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = due.tick() => {}
            () = stopping.cancelled() => return,
        }
        let swept = tokio::select! {
            swept = fleet.sweep() => swept,
            () = stopping.cancelled() => return,
        };
        match swept {
            Ok(swept) => tracing::debug!(
                erased = swept.erased,
                erasures.left = swept.left,
                woken = swept.woken,
                webhooks.forgotten = swept.pruned.inbox,
                events.forgotten = swept.pruned.events,
                "swept"
            ),
            Err(error) => tracing::warn!(error = %error, "a sweep failed; the next one goes on"),
        }
    }
}

//! SIGTERM and SIGINT: the first drains, the second forces.

use std::future::Future;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Exit code of a forced stop: 128 + SIGINT, as shells show it.
const FORCED: i32 = 130;

/// Ends at the first signal to stop.
pub(super) async fn first() {
    let (mut terminate, mut interrupt) = streams();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
}

/// Runs the stop to its end, unless another signal comes: then the process ends at once. Nothing acknowledged is lost by that.
pub(super) async fn forced_by_second_signal(stop: impl Future<Output = ()>) {
    tokio::select! {
        () = stop => {}
        () = first() => {
            tracing::warn!("second signal: ending at once");
            std::process::exit(FORCED);
        }
    }
}

fn streams() -> (Signal, Signal) {
    let stream = |kind| signal(kind).expect("signal handlers can be installed once the runtime runs");
    (stream(SignalKind::terminate()), stream(SignalKind::interrupt()))
}

//! Words for the log about a dial that failed.

use std::sync::atomic::Ordering;

use super::super::Shared;
use super::super::egress::{Line, Progress};

/// The library tells a failed dial only to its own log.
pub(super) fn tell_failed_dial(shared: &Shared, line: &Line) {
    let proxy = line.tunnel_error().map(|error| error as &dyn std::error::Error);
    match line.progress() {
        Progress::NoWayOut => tracing::warn!(error = proxy, "no way out: the proxy of this company does not serve us"),
        Progress::Unconnected if proxy.is_some() => tracing::info!(error = proxy, "no connection to WhatsApp could be opened"),
        Progress::Unconnected => tracing::info!("no connection to WhatsApp could be opened"),
        Progress::Unanswered => tracing::info!("WhatsApp did not answer the handshake"),
        Progress::Answered { hung_up: true, .. } => tracing::info!("the connection to WhatsApp broke in the handshake"),
        Progress::Answered { .. } if shared.chain_refusal_told.swap(true, Ordering::Relaxed) => {}
        Progress::Answered { .. } => tracing::error!(
            "the handshake with WhatsApp failed: the service's certificate chain was refused. Either something between here and \
             WhatsApp answers in its place, or this is the simulated service and the build lacks the feature `sandbox`"
        ),
    }
}

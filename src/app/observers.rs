//! What parts tell about themselves, as metrics and readiness; and the log level as the ops listener changes it.

use std::sync::Arc;
use std::time::Duration;

use frontdesk_actors::events::Fact;
use frontdesk_actors::ports::EventSink;
use tokio::time::Instant;

use crate::http::{HttpObserver, LogLevel, Phase, Readiness};
use crate::metrics;
use crate::realtime::{RealtimeObserver, RefusalCode};
use crate::store::{CommitReport, StoreObserver};
use crate::telemetry::{BadLevel, LogLevels};

/// Every fact to each of these, in order.
pub(super) struct Facts(Vec<Arc<dyn EventSink>>);

impl Facts {
    pub(super) fn to(sinks: impl IntoIterator<Item = Arc<dyn EventSink>>) -> Self {
        Self(sinks.into_iter().collect())
    }
}

impl EventSink for Facts {
    fn publish(&self, fact: &Fact) {
        self.0.iter().for_each(|sink| sink.publish(fact));
    }
}

/// The store's words: commits are measured; after a failed one this process must get no more traffic.
pub(super) struct StoreMetrics {
    readiness: Readiness,
}

impl StoreMetrics {
    pub(super) fn new(readiness: Readiness) -> Self {
        Self { readiness }
    }
}

impl StoreObserver for StoreMetrics {
    fn committed(&self, report: CommitReport) {
        let CommitReport { took, requests, keys, bytes, waiting } = report;
        metrics::store_committed(metrics::Commit { requests, keys, bytes, waiting, took });
    }

    fn failed(&self) {
        metrics::store_failed();
        self.readiness.enter(Phase::StoreFailed);
    }

    fn copied(&self, took: Duration) {
        metrics::store_copied(took);
    }

    fn loaded(&self, unreadable: usize) {
        metrics::store_loaded(unreadable);
    }

    fn overloaded(&self) {
        metrics::store_overloaded();
    }
}

/// Sockets coming and going.
pub(super) struct SocketMetrics;

impl RealtimeObserver for SocketMetrics {
    fn opened(&self) {
        metrics::sockets_changed(1.0);
    }

    fn closed(&self) {
        metrics::sockets_changed(-1.0);
    }

    fn refused(&self, code: RefusalCode) {
        metrics::socket_refused(code.name());
    }

    fn told(&self, event: &'static str) {
        metrics::socket_told(event);
    }

    fn ended(&self, reason: &'static str) {
        metrics::socket_ended(reason);
    }
}

/// Answered requests.
pub(super) struct HttpMetrics;

impl HttpObserver for HttpMetrics {
    fn answered(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        metrics::http_request(route, method, status, took);
    }
}

/// The process's log level.
pub(super) struct ProcessLogLevel(pub(super) LogLevels);

impl LogLevel for ProcessLogLevel {
    fn present(&self) -> (String, Option<Duration>) {
        let present = self.0.present();
        (present.filter, present.until.map(|until| until.saturating_duration_since(Instant::now())))
    }

    fn change(&self, filter: &str, lasting: Duration) -> Result<(), String> {
        self.0.change(filter, lasting).map(drop).map_err(|error: BadLevel| error.to_string())
    }

    fn reset(&self) -> Result<(), String> {
        self.0.reset().map(drop).map_err(|error| error.to_string())
    }
}

//! What parts tell about themselves, as metrics and readiness.

use std::time::Duration;

use crate::http::{HttpObserver, Phase, Readiness};
use crate::metrics;
use crate::realtime::{RealtimeObserver, RefusalCode};
use crate::store::{CommitReport, StoreObserver};

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
        metrics::store_committed(report.keys, report.waiting, report.took);
    }

    fn failed(&self) {
        metrics::store_failed();
        self.readiness.enter(Phase::StoreFailed);
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
}

/// Answered requests.
pub(super) struct HttpMetrics;

impl HttpObserver for HttpMetrics {
    fn answered(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        metrics::http_request(route, method, status, took);
    }
}

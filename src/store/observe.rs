//! What the store tells about itself, for metrics: numbers only. The composition root decides who listens.

use std::time::Duration;

/// One commit that became durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CommitReport {
    /// From taking the first request of the group to its durability.
    pub took: Duration,
    /// Requests in the group.
    pub requests: usize,
    /// Keys written or removed.
    pub keys: usize,
    /// Bytes of keys and values, sealed.
    pub bytes: usize,
    /// Requests still waiting when the group was done.
    pub waiting: usize,
}

/// Listens to the store. Called on the writer's thread or a caller's: must return at once and never panic.
pub trait StoreObserver: Send + Sync + 'static {
    /// A group became durable.
    fn committed(&self, report: CommitReport) {
        let _ = report;
    }

    /// A commit failed: the store refuses everything from now on, until the process is started anew. An alert.
    fn failed(&self) {}

    /// A portion of a backup was copied between two commits, which waited for it this long.
    fn copied(&self, took: Duration) {
        let _ = took;
    }

    /// The active companies were read at the start; so many of them can't be.
    fn loaded(&self, unreadable: usize) {
        let _ = unreadable;
    }

    /// A request was answered `Overloaded`.
    fn overloaded(&self) {}
}

/// Nobody listens.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl StoreObserver for NoObserver {}

//! The store's commits, queue and files.

use std::time::Duration;

use super::catalog::{COUNTS, Metric, SECONDS, bytes, number};

const COMMIT: Metric = Metric::histogram("frontdesk_store_commit_seconds", SECONDS, "One group commit, synced");
const REQUESTS: Metric =
    Metric::histogram("frontdesk_store_commit_requests", COUNTS, "Requests that one group commit made durable together");
const WRITTEN: Metric = Metric::counter("frontdesk_store_written_bytes_total", "Bytes of keys and values written, sealed");
const KEYS: Metric = Metric::histogram("frontdesk_store_commit_keys", COUNTS, "Keys written in one group commit");
const FAILURES: Metric = Metric::counter("frontdesk_store_commit_failures_total", "Group commits that failed");
const WAITING: Metric = Metric::gauge("frontdesk_store_waiting_requests", "Requests waiting for the store's writer after its last commit");
const OVERLOADED: Metric = Metric::counter("frontdesk_store_overloaded_total", "Writes refused because too many were waiting");
const COPY_PAUSE: Metric =
    Metric::histogram("frontdesk_store_copy_pause_seconds", SECONDS, "Time commits waited for one portion of a backup");
const FILES: Metric = Metric::gauge("frontdesk_store_files_bytes", "Size of all files in the data folder");
const FREE: Metric = Metric::gauge("frontdesk_store_disk_free_bytes", "Room left for us on the disk of the data folder");
const DISK: Metric = Metric::gauge("frontdesk_store_disk_size_bytes", "Size of the disk of the data folder");

const UNREADABLE: Metric =
    Metric::gauge("frontdesk_store_unreadable_companies", "Companies that could not be read at the start and were left out");

pub(super) const ALL: &[Metric] =
    &[COMMIT, REQUESTS, KEYS, WRITTEN, FAILURES, WAITING, OVERLOADED, COPY_PAUSE, FILES, FREE, DISK, UNREADABLE];

pub(super) fn begin() {
    for counter in [FAILURES, OVERLOADED, WRITTEN] {
        counter.appear();
    }
    WAITING.set(0.0);
    UNREADABLE.set(0.0);
}

/// One group commit.
#[derive(Debug, Clone, Copy)]
pub struct Commit {
    /// Requests in it.
    pub requests: usize,
    /// Keys written or removed.
    pub keys: usize,
    /// Bytes written.
    pub bytes: usize,
    /// Requests still waiting.
    pub waiting: usize,
    /// Until it was durable.
    pub took: Duration,
}

/// One group commit became durable.
pub fn store_committed(commit: Commit) {
    COMMIT.observe(commit.took);
    REQUESTS.observe(number(commit.requests));
    KEYS.observe(number(commit.keys));
    WRITTEN.add(commit.bytes as u64);
    WAITING.set(number(commit.waiting));
}

/// What the data folder takes and what its disk has, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskUse {
    /// All files of the folder.
    pub files: u64,
    /// Room left.
    pub free: u64,
    /// Size of the disk.
    pub size: u64,
}

/// The data folder was measured.
pub fn disk_measured(disk: DiskUse) {
    FILES.set(bytes(disk.files));
    FREE.set(bytes(disk.free));
    DISK.set(bytes(disk.size));
}

/// Commits waited this long for one portion of a backup.
pub fn store_copied(took: Duration) {
    COPY_PAUSE.observe(took);
}

/// A commit failed: the store refuses everything from now on.
pub fn store_failed() {
    FAILURES.count();
}

/// The companies were read at the start; so many could not be.
pub fn store_loaded(unreadable: usize) {
    UNREADABLE.set(number(unreadable));
}

/// A write was refused because too many were waiting.
pub fn store_overloaded() {
    OVERLOADED.count();
}

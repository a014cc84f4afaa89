//! Backups that the server makes by itself.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::catalog::{LONG_SECONDS, Metric, bytes};

const LAST: Metric = Metric::gauge(
    "frontdesk_backup_last_success_timestamp_seconds",
    "When the last scheduled backup was made and verified, in seconds since 1970; 0: none yet; absent: turned off",
);
const SIZE: Metric = Metric::gauge("frontdesk_backup_last_size_bytes", "Size of the last scheduled backup");
const TOOK: Metric = Metric::histogram("frontdesk_backup_seconds", LONG_SECONDS, "Making and verifying a scheduled backup");
const FAILURES: Metric = Metric::counter("frontdesk_backup_failures_total", "Scheduled backups that failed");

pub(super) const ALL: &[Metric] = &[LAST, SIZE, TOOK, FAILURES];

pub(super) fn begin() {
    FAILURES.appear();
}

/// A scheduled backup was made and verified.
pub fn backup_made(at: DateTime<Utc>, size: u64, took: Duration) {
    backup_found(Some(at));
    SIZE.set(bytes(size));
    TOOK.observe(took);
}

/// There is this newest backup, or none yet.
pub fn backup_found(at: Option<DateTime<Utc>>) {
    LAST.set(bytes(at.map_or(0, |at| at.timestamp().unsigned_abs())));
}

/// A scheduled backup failed.
pub fn backup_failed() {
    FAILURES.count();
}

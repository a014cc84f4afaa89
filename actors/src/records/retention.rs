//! How long the past is kept, and when what a removed salon left behind goes.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use crate::ids::CompanyId;

/// The plan to erase what a removed salon left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// Whose.
    pub company_id: CompanyId,
    /// When it was removed: what came later belongs to a new registration and stays.
    pub removed_at: DateTime<Utc>,
    /// When it must be gone.
    pub due_at: DateTime<Utc>,
}

/// How much of the past is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Webhooks that were acted on: so long.
    pub done_for: TimeDelta,
    /// And of each company at most so many.
    pub done_at_most: usize,
    /// Dead letters, webhooks of unknown salons, unverified ones: so long.
    pub dead_for: TimeDelta,
    /// And of each company at most so many dead letters.
    pub dead_at_most: usize,
    /// Lines of the timeline: so long.
    pub events_for: TimeDelta,
    /// And of each company at most so many.
    pub events_at_most: usize,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            done_for: TimeDelta::days(30),
            done_at_most: 1000,
            dead_for: TimeDelta::days(90),
            dead_at_most: 1000,
            events_for: TimeDelta::days(365),
            events_at_most: 2000,
        }
    }
}

/// What a pruning removed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Inbox entries of any shelf.
    pub inbox: u64,
    /// Lines of timelines.
    pub events: u64,
}

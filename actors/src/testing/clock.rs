//! A wall clock in the test's hands.

use std::sync::atomic::{AtomicI64, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::ports::Clock;

/// Starts at a fixed moment, follows tokio's clock (also when that is paused) and can be moved ahead of it.
#[derive(Debug)]
pub struct ManualClock {
    started: Instant,
    base: DateTime<Utc>,
    /// Milliseconds ahead of tokio's clock.
    ahead_ms: AtomicI64,
}

impl ManualClock {
    /// A clock that shows 2026-11-20 10:00:00 UTC now.
    pub fn new() -> Self {
        Self::at(DateTime::from_timestamp(1_795_168_800, 0).expect("a valid moment"))
    }

    /// A clock that shows `base` now.
    pub fn at(base: DateTime<Utc>) -> Self {
        Self { started: Instant::now(), base, ahead_ms: AtomicI64::new(0) }
    }

    /// Moves the wall clock; timers don't notice.
    pub fn advance(&self, by: TimeDelta) {
        self.ahead_ms.fetch_add(by.num_milliseconds(), Ordering::SeqCst);
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for ManualClock {
    fn now(&self) -> DateTime<Utc> {
        let ran = TimeDelta::from_std(self.started.elapsed()).unwrap_or_default();
        self.base + ran + TimeDelta::milliseconds(self.ahead_ms.load(Ordering::SeqCst))
    }
}

//! Budgets and backoff, as data and pure functions.

use std::collections::VecDeque;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;

use crate::view::RestartsLeft;

/// First wait before a crashed actor is started again.
const RESTART_AFTER: Duration = Duration::from_secs(1);
/// Longest wait before a crashed actor is started again.
const RESTART_AFTER_AT_MOST: Duration = Duration::from_secs(30);

/// A wait drawn from `[0, min(max, first * 2^losses))`: full jitter, so that what was lost together does not come back together.
/// `dice` is uniform in `[0, 1)`.
pub(crate) fn full_jitter(first: Duration, max: Duration, losses: u32, dice: f64) -> Duration {
    doubled(first, max, losses).mul_f64(dice.clamp(0.0, 1.0))
}

/// `first`, doubled `times` times, at most `max`.
pub(crate) fn doubled(first: Duration, max: Duration, times: u32) -> Duration {
    let factor = 2_u32.saturating_pow(times.min(31));
    first.saturating_mul(factor).min(max)
}

/// What to do with a crashed child.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Start it again after this.
    Restart(Duration),
    /// It used up its restarts: leave it until a person acts.
    Park,
}

/// At most `limit` restarts within `window`.
#[derive(Debug, Clone)]
pub(crate) struct RestartBudget {
    limit: usize,
    window: Duration,
    /// Crashes that were followed by a restart: by the clock that waits, and by the one that is shown.
    crashes: VecDeque<(Instant, DateTime<Utc>)>,
    parked: bool,
}

impl RestartBudget {
    /// A full budget.
    pub(crate) fn new(limit: usize, window: Duration) -> Self {
        Self { limit, window, crashes: VecDeque::new(), parked: false }
    }

    /// Counts a crash and decides. `at` is when people say it was.
    pub(crate) fn crashed(&mut self, now: Instant, at: DateTime<Utc>) -> Verdict {
        while self.crashes.front().is_some_and(|(crash, _)| now.duration_since(*crash) >= self.window) {
            self.crashes.pop_front();
        }
        self.parked = self.crashes.len() >= self.limit;
        if self.parked {
            return Verdict::Park;
        }
        let times = u32::try_from(self.crashes.len()).unwrap_or(u32::MAX);
        self.crashes.push_back((now, at));
        Verdict::Restart(doubled(RESTART_AFTER, RESTART_AFTER_AT_MOST, times))
    }

    /// Another start would end the same way: none until a person acts.
    pub(crate) fn park(&mut self) -> Verdict {
        self.parked = true;
        Verdict::Park
    }

    /// A person acted: all restarts are available again.
    pub(crate) fn refill(&mut self) {
        self.crashes.clear();
        self.parked = false;
    }

    /// As people see it.
    pub(crate) fn shown(&self) -> RestartsLeft {
        let crashes = self.crashes.iter().map(|(_, at)| *at).collect();
        RestartsLeft { limit: self.limit, window: self.window, crashes, parked: self.parked }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[tokio::test(start_paused = true)]
    async fn five_crashes_are_forgiven_with_longer_waits_and_the_sixth_parks() {
        let mut budget = RestartBudget::new(5, seconds(60));
        let (now, at) = (Instant::now(), Utc::now());
        let verdicts: Vec<Verdict> = (0..6).map(|_| budget.crashed(now, at)).collect();
        let waits = [1, 2, 4, 8, 16].map(|n| Verdict::Restart(seconds(n)));
        assert_eq!(verdicts[..5], waits);
        assert_eq!(verdicts[5], Verdict::Park);
        assert!(budget.shown().parked);
        budget.refill();
        assert_eq!(budget.shown().left(at), 5);
        assert_eq!(budget.crashed(now, at), Verdict::Restart(seconds(1)));
        assert_eq!((budget.shown().left(at), budget.shown().crashes), (4, vec![at]));
    }

    #[tokio::test(start_paused = true)]
    async fn old_crashes_are_forgotten_after_the_window() {
        let mut budget = RestartBudget::new(1, seconds(60));
        let (start, at) = (Instant::now(), Utc::now());
        assert_eq!(budget.crashed(start, at), Verdict::Restart(seconds(1)));
        assert_eq!(budget.crashed(start + seconds(59), at + seconds(59)), Verdict::Park);
        assert_eq!(budget.crashed(start + seconds(60), at + seconds(60)), Verdict::Restart(seconds(1)));
        assert!(!budget.shown().parked);
    }

    proptest! {
        #[test]
        fn the_wait_is_bounded_and_grows_no_further_than_its_limit(losses in 0_u32..100, dice in 0.0..1.0_f64) {
            let wait = full_jitter(seconds(1), seconds(300), losses, dice);
            prop_assert!(wait <= seconds(300));
            prop_assert!(wait <= doubled(seconds(1), seconds(300), losses));
        }

        #[test]
        fn doubling_never_overflows(first_ms in 0_u64..u64::MAX / 2, times in any::<u32>()) {
            let max = seconds(300);
            prop_assert!(doubled(Duration::from_millis(first_ms), max, times) <= max);
        }
    }
}

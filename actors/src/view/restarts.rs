//! Restarts of crashed actors, as their supervisors count them.

use std::time::Duration;

use chrono::{DateTime, Utc};

/// Restarts of one actor: so many within a window, then it is parked until a person acts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestartsLeft {
    /// Restarts within `window`.
    pub limit: usize,
    /// A crash counts this long.
    pub window: Duration,
    /// Crashes that were followed by a restart, oldest first. Some may count no more: see [`Self::counted`].
    pub crashes: Vec<DateTime<Utc>>,
    /// It crashed once more than that, and nobody restarts it.
    pub parked: bool,
}

/// Both actors of a company.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RestartsView {
    /// The session's, restarted by its company.
    pub session: RestartsLeft,
    /// The company's own, restarted by the fleet.
    pub company: RestartsLeft,
}

impl RestartsLeft {
    /// Crashes that still count.
    pub fn counted(&self, now: DateTime<Utc>) -> &[DateTime<Utc>] {
        let over = |crash: &DateTime<Utc>| now.signed_duration_since(crash).to_std().is_ok_and(|age| age >= self.window);
        &self.crashes[self.crashes.partition_point(over)..]
    }

    /// Restarts that are left: none for a parked actor, however long ago it crashed.
    pub fn left(&self, now: DateTime<Utc>) -> usize {
        if self.parked { 0 } else { self.limit.saturating_sub(self.counted(now).len()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crashes_count_as_long_as_the_window_and_a_parked_actor_has_no_restarts_left() {
        let at = |seconds: i64| DateTime::from_timestamp(1_790_000_000 + seconds, 0).unwrap();
        let left = RestartsLeft { limit: 5, window: Duration::from_secs(60), crashes: vec![at(0), at(30)], parked: false };
        for (now, counted, expected) in [(-5, 2, 3), (30, 2, 3), (59, 2, 3), (60, 1, 4), (90, 0, 5)] {
            assert_eq!((left.counted(at(now)).len(), left.left(at(now))), (counted, expected), "at {now}");
        }
        assert_eq!(RestartsLeft { parked: true, ..left }.left(at(3_600)), 0);
    }
}

//! Limits of one company. Pure.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// Pairing codes a company may ask for within [`CODES_WITHIN`]. WhatsApp itself refuses more, for longer.
const CODES: usize = 3;
/// See [`CODES`].
const CODES_WITHIN: Duration = Duration::from_secs(300);

/// How often pairing codes were asked for lately.
#[derive(Debug, Default)]
pub(crate) struct CodeLimit {
    asked: VecDeque<Instant>,
}

impl CodeLimit {
    /// Counts one more request, or refuses it without counting.
    pub(crate) fn admit(&mut self, now: Instant) -> bool {
        while self.asked.front().is_some_and(|at| now.duration_since(*at) >= CODES_WITHIN) {
            self.asked.pop_front();
        }
        let admitted = self.asked.len() < CODES;
        if admitted {
            self.asked.push_back(now);
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_code_in_five_minutes_is_refused_and_a_refusal_does_not_count() {
        let mut limit = CodeLimit::default();
        let start = Instant::now();
        assert!((0..3).all(|_| limit.admit(start)));
        assert!(!limit.admit(start + Duration::from_secs(299)));
        assert!(limit.admit(start + Duration::from_secs(300)));
    }
}

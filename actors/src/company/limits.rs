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
    /// Counts one more request, or refuses it without counting and tells how long to wait.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<(), Duration> {
        while self.asked.front().is_some_and(|at| now.duration_since(*at) >= CODES_WITHIN) {
            self.asked.pop_front();
        }
        match self.asked.front() {
            Some(oldest) if self.asked.len() >= CODES => Err(CODES_WITHIN.saturating_sub(now.duration_since(*oldest))),
            Some(_) | None => {
                self.asked.push_back(now);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fourth_code_in_five_minutes_is_refused_and_a_refusal_does_not_count() {
        let mut limit = CodeLimit::default();
        let start = Instant::now();
        assert!((0..3).all(|_| limit.admit(start).is_ok()));
        assert_eq!(limit.admit(start + Duration::from_secs(299)), Err(Duration::from_secs(1)));
        assert_eq!(limit.admit(start + Duration::from_secs(300)), Ok(()));
    }
}

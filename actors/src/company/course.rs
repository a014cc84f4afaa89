//! How long a session was deaf, and how long it takes to come back by itself. Pure.

use std::time::Duration;

use chrono::{DateTime, Utc};

use crate::view::SessionState;

/// What a step of the session tells about the time before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Lesson {
    /// It was known to be deaf for this long, until its next link.
    pub was_deaf: Option<Duration>,
    /// It is online again, this long after it was lost.
    pub came_back: Option<Duration>,
}

/// The session's states so far, as far as they matter here.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Course {
    online: bool,
    deaf_since: Option<DateTime<Utc>>,
    lost_at: Option<DateTime<Utc>>,
}

impl Course {
    /// The session moved.
    pub(super) fn moved(&mut self, to: SessionState, now: DateTime<Utc>) -> Lesson {
        let mut lesson = Lesson::default();
        if to != SessionState::Deaf {
            lesson.was_deaf = self.deaf_since.take().map(|since| elapsed(since, now));
        }
        match to {
            SessionState::Online => lesson.came_back = self.lost_at.take().map(|lost| elapsed(lost, now)),
            SessionState::Deaf => {
                self.deaf_since.get_or_insert(now);
                self.lost(now);
            }
            SessionState::Backoff | SessionState::Connecting => self.lost(now),
            // Somebody decided, or has to: not an interruption that ends by itself.
            SessionState::Idle
            | SessionState::AwaitingScan
            | SessionState::AwaitingCode
            | SessionState::AwaitingPasskey
            | SessionState::Pairing
            | SessionState::Replaced
            | SessionState::LoggedOut
            | SessionState::Banned
            | SessionState::Outdated
            | SessionState::Parked => self.lost_at = None,
        }
        self.online = to == SessionState::Online;
        lesson
    }

    fn lost(&mut self, now: DateTime<Utc>) {
        if self.online {
            self.lost_at = Some(now);
        }
    }
}

/// Zero when the wall clock went back.
fn elapsed(since: DateTime<Utc>, now: DateTime<Utc>) -> Duration {
    (now - since).to_std().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use SessionState::{Backoff, Connecting, Deaf, Idle, LoggedOut, Online, Pairing};

    /// Moves one second apart; deaf and back in seconds, per move.
    fn lessons(states: &[SessionState]) -> Vec<(Option<u64>, Option<u64>)> {
        let mut course = Course::default();
        let moved = |(second, state): (usize, &SessionState)| {
            let now = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(second as i64);
            let lesson = course.moved(*state, now);
            (lesson.was_deaf.map(|time| time.as_secs()), lesson.came_back.map(|time| time.as_secs()))
        };
        states.iter().enumerate().map(moved).collect()
    }

    #[test]
    fn an_interruption_lasts_from_the_loss_until_it_is_online_again() {
        let told = lessons(&[Connecting, Pairing, Connecting, Online, Backoff, Connecting, Backoff, Connecting, Online, Online]);
        let mut quiet = vec![(None, None); 10];
        quiet[8] = (None, Some(4));
        assert_eq!(told, quiet);
    }

    #[test]
    fn deafness_lasts_until_the_next_link_and_is_part_of_the_interruption() {
        assert_eq!(lessons(&[Online, Deaf, Deaf, Connecting, Online])[3..], [(Some(2), None), (None, Some(3))]);
    }

    #[test]
    fn what_somebody_decided_is_no_interruption() {
        for decided in [Idle, LoggedOut] {
            assert_eq!(lessons(&[Online, Backoff, decided, Connecting, Online])[4], (None, None));
        }
    }
}

//! Signs that a connection no longer hears WhatsApp although the library calls it connected. They prove nothing: they bring the next probe forward.
//!
//! What the library itself never notices: a frame that can't be decrypted (everything after it can't be either), a frame that is announced and
//! never comes (everything after it counts as part of it), an error of the service after which the connection stays open but logged out.

use std::time::Duration;

use tokio::time::Instant;

/// Between two looks.
pub(super) const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Messages that can't be decrypted are part of life; more than one doubt a minute they are not worth.
const UNREADABLE_EVERY: Duration = Duration::from_secs(60);

/// The connection at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) logged_in: bool,
    /// Bytes that came.
    pub(super) bytes: u64,
    /// Frames that were complete.
    pub(super) frames: u64,
}

/// What was seen so far.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    last: Look,
    /// Once is nothing: a connection that ends is logged out for a moment.
    seen_logged_out: bool,
    unreadable: Option<Instant>,
}

impl Doubts {
    /// Is there a reason for doubt?
    pub(super) fn look(&mut self, now: Look) -> bool {
        let last = std::mem::replace(&mut self.last, now);
        let swallowed = now.bytes > last.bytes && now.frames == last.frames;
        let logged_out = !now.logged_in && std::mem::replace(&mut self.seen_logged_out, true);
        self.seen_logged_out &= !now.logged_in;
        logged_out || swallowed
    }

    /// A message could not be decrypted: a reason for doubt, now and then.
    pub(super) fn unreadable(&mut self, now: Instant) -> bool {
        let lately = self.unreadable.is_some_and(|last| now.duration_since(last) < UNREADABLE_EVERY);
        if !lately {
            self.unreadable = Some(now);
        }
        !lately
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(logged_in: bool, bytes: u64, frames: u64) -> Look {
        Look { logged_in, bytes, frames }
    }

    #[test]
    fn bytes_that_make_no_frame_and_a_lost_login_are_doubtful_and_quiet_is_not() {
        let mut doubts = Doubts::default();
        assert!(!doubts.look(at(true, 100, 3)));
        assert!(!doubts.look(at(true, 100, 3)), "nothing came");
        assert!(!doubts.look(at(true, 160, 4)));
        assert!(doubts.look(at(true, 220, 4)), "bytes without a frame");
        assert!(!doubts.look(at(true, 280, 6)));
        assert!(!doubts.look(at(false, 280, 6)), "a connection that ends is logged out for a moment");
        assert!(doubts.look(at(false, 280, 6)), "still logged out");
        assert!(!doubts.look(at(true, 280, 6)));
        assert!(!doubts.look(at(false, 280, 6)), "another moment");
    }

    #[tokio::test(start_paused = true)]
    async fn one_unreadable_message_a_minute_is_worth_a_doubt() {
        let mut doubts = Doubts::default();
        let start = Instant::now();
        assert!(doubts.unreadable(start));
        assert!(!doubts.unreadable(start + Duration::from_secs(59)));
        assert!(doubts.unreadable(start + Duration::from_secs(61)));
    }
}

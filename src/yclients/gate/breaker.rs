//! Whether a base is asked at all: one that only fails is left alone for a while, then asked once. Pure.
//!
//! ```text
//!            5 failures in a row, of 2 salons at least             the pause is over: one call goes
//!   Closed ───────────────────────────────────────────▶ Open ───────────────────────────────────────▶ Probing
//!     ▲                                                   ▲   fails: twice the pause, up to 5 min         │
//!     │                                                   └───────────────────────────────────────────────┤
//!     └────────────────────────────────────────────────────────────────────────────────── answers ────────┘
//! ```
//!
//! One salon whose calls always fail opens nothing: its trouble is its own, and whoever asks for it waits longer each time anyway.

use std::time::Duration;

use frontdesk_actors::ids::SalonId;
use tokio::time::Instant;

/// Failures in a row that open it.
const FAILURES: usize = 5;

/// The first pause; doubles with every failed probe.
const FIRST_PAUSE: Duration = Duration::from_secs(10);

/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// A probe whose end was never told is forgotten after this: longer than any call.
const PROBE_WITHIN: Duration = Duration::from_secs(120);

/// What others see of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BreakerState {
    /// Calls go.
    Closed,
    /// No call goes.
    Open,
    /// One call goes and decides.
    Probing,
}

impl BreakerState {
    /// For the gauge.
    pub(super) fn openness(self) -> f64 {
        match self {
            Self::Closed => 0.0,
            Self::Probing => 0.5,
            Self::Open => 1.0,
        }
    }
}

#[derive(Debug)]
enum State {
    /// The salons of the failures in a row.
    Closed {
        failures: Vec<Option<SalonId>>,
    },
    Open {
        until: Instant,
        pause: Duration,
    },
    Probing {
        ticket: u64,
        since: Instant,
        pause: Duration,
    },
}

/// One base's breaker.
#[derive(Debug)]
pub(super) struct Breaker(State);

impl Default for Breaker {
    fn default() -> Self {
        Self(State::Closed { failures: Vec::new() })
    }
}

impl Breaker {
    /// Is there no chance now? Then this long.
    pub(super) fn refuses(&self, now: Instant) -> Option<Duration> {
        match &self.0 {
            State::Closed { .. } => None,
            State::Open { until, .. } => (*until > now).then(|| *until - now),
            State::Probing { since, .. } => (*since + PROBE_WITHIN > now).then_some(FIRST_PAUSE),
        }
    }

    /// A call wants to go now: leave for it (as the probe, if one is due), or how long there is none.
    pub(super) fn admit(&mut self, ticket: u64, now: Instant) -> Result<(), Duration> {
        if let Some(pause) = self.refuses(now) {
            return Err(pause);
        }
        match self.0 {
            State::Closed { .. } => {}
            State::Open { pause, .. } | State::Probing { pause, .. } => self.0 = State::Probing { ticket, since: now, pause },
        }
        Ok(())
    }

    /// The service answered, whatever it said.
    pub(super) fn answered(&mut self, ticket: u64) {
        match &mut self.0 {
            State::Closed { failures } => failures.clear(),
            State::Probing { ticket: probe, .. } if *probe == ticket => *self = Self::default(),
            // The answer of a call from before says nothing about now.
            State::Open { .. } | State::Probing { .. } => {}
        }
    }

    /// No answer, or a broken one.
    pub(super) fn failed(&mut self, ticket: u64, salon: Option<SalonId>, now: Instant) {
        match &mut self.0 {
            State::Closed { failures } => {
                failures.push(salon);
                let of_several = failures.iter().any(|other| *other != failures[0]) || failures[0].is_none();
                if failures.len() >= FAILURES && of_several {
                    self.0 = State::Open { until: now + FIRST_PAUSE, pause: FIRST_PAUSE };
                } else if failures.len() > FAILURES {
                    failures.remove(0);
                }
            }
            State::Probing { ticket: probe, pause, .. } if *probe == ticket => {
                let pause = (*pause * 2).min(LONGEST_PAUSE);
                self.0 = State::Open { until: now + pause, pause };
            }
            State::Open { .. } | State::Probing { .. } => {}
        }
    }

    /// The call was given up before anything could be learned.
    pub(super) fn unknown(&mut self, ticket: u64, now: Instant) {
        if let State::Probing { ticket: probe, pause, .. } = self.0
            && probe == ticket
        {
            self.0 = State::Open { until: now, pause };
        }
    }

    pub(super) fn state(&self) -> BreakerState {
        match self.0 {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::Probing { .. } => BreakerState::Probing,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn salon(id: u64) -> Option<SalonId> {
        SalonId::try_from(id).ok()
    }

    fn opened(now: Instant) -> Breaker {
        let mut breaker = Breaker::default();
        for call in 0..FAILURES as u64 {
            breaker.failed(call, salon(call + 1), now);
        }
        breaker
    }

    #[test]
    fn five_failures_in_a_row_open_it_and_an_answer_in_between_does_not() {
        let now = Instant::now();
        assert_eq!(opened(now).state(), BreakerState::Open);
        let mut breaker = Breaker::default();
        for call in 0..50 {
            breaker.failed(call, salon(call + 1), now);
            if call % 4 == 3 {
                breaker.answered(call);
            }
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn one_salons_trouble_opens_nothing_but_calls_about_nobody_do() {
        let now = Instant::now();
        let mut breaker = Breaker::default();
        for call in 0..1_000 {
            breaker.failed(call, salon(7), now);
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        breaker.failed(1_000, salon(8), now);
        assert_eq!(breaker.state(), BreakerState::Open, "the second salon proves that it is the service");
        let mut breaker = Breaker::default();
        (0..5).for_each(|call| breaker.failed(call, None, now));
        assert_eq!(breaker.state(), BreakerState::Open);
    }

    #[test]
    fn after_the_pause_one_call_goes_and_decides() {
        let start = Instant::now();
        let mut breaker = opened(start);
        assert_eq!(breaker.admit(10, start), Err(FIRST_PAUSE));
        let due = start + FIRST_PAUSE;
        assert_eq!(breaker.admit(11, due), Ok(()));
        assert!(breaker.admit(12, due).is_err(), "only one");
        breaker.answered(3);
        assert_eq!(breaker.state(), BreakerState::Probing, "a late answer decides nothing");
        breaker.failed(11, salon(1), due);
        assert_eq!(breaker.refuses(due), Some(FIRST_PAUSE * 2));
        let due = due + FIRST_PAUSE * 2;
        assert_eq!(breaker.admit(13, due), Ok(()));
        breaker.answered(13);
        assert_eq!((breaker.state(), breaker.admit(14, due)), (BreakerState::Closed, Ok(())));
    }

    #[test]
    fn a_probe_that_is_given_up_or_forgotten_makes_room_for_another() {
        let start = Instant::now();
        let mut breaker = opened(start);
        let due = start + FIRST_PAUSE;
        breaker.admit(1, due).unwrap();
        breaker.unknown(1, due);
        assert_eq!(breaker.admit(2, due), Ok(()));
        assert!(breaker.admit(3, due + FIRST_PAUSE).is_err());
        assert_eq!(breaker.admit(3, due + PROBE_WITHIN), Ok(()));
    }

    proptest! {
        /// Never more than one call while it is not closed, no pause beyond the longest, and it never stays shut for ever.
        #[test]
        fn it_lets_one_probe_through_and_never_stays_shut(
            steps in prop::collection::vec((0..4_u8, 0..4_u64, 0..60_u64), 1..300)
        ) {
            let (mut breaker, mut now, mut probes) = (Breaker::default(), Instant::now(), Vec::<u64>::new());
            for (ticket, (what, whose, seconds)) in steps.into_iter().enumerate() {
                let ticket = ticket as u64;
                now += Duration::from_secs(seconds);
                let closed = breaker.state() == BreakerState::Closed;
                if breaker.admit(ticket, now).is_err() {
                    prop_assert!(breaker.refuses(now).unwrap() <= LONGEST_PAUSE);
                    continue;
                }
                prop_assert_eq!(breaker.state() == BreakerState::Closed, closed);
                if !closed { probes.push(ticket); }
                match what {
                    0 => breaker.answered(ticket),
                    1 => breaker.failed(ticket, salon(whose), now),
                    2 => breaker.unknown(ticket, now),
                    _ => {}
                }
            }
            prop_assert_eq!(breaker.refuses(now + LONGEST_PAUSE), None);
        }
    }
}

//! When the next call may go, so that YClients never counts too many. Pure.
//!
//! YClients counts what *arrives*, we know only when we send and when the answer is there. A call arrives in between; so each one is counted
//! as if it had arrived at the last possible moment, and the next one as if it arrived at once. Then no jitter of the network can make six arrive
//! within one second. A call without an answer is believed to have arrived after [`TRANSIT`].
//!
//! The less urgent a call is, the more room it leaves: background work fills at most two fifths of a second and three fifths of a minute, so that a
//! person's call finds a place at once even while a thousand salons are being reconciled.

use std::collections::VecDeque;
use std::num::NonZeroU32;
use std::time::Duration;

use tokio::time::Instant;

use crate::yclients::Urgency;

/// The longest a request is believed to travel before it counts at YClients.
pub(super) const TRANSIT: Duration = Duration::from_millis(500);

/// Our clock and theirs may differ by this much in a minute.
const SLACK: Duration = Duration::from_millis(25);

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

/// What YClients allows. `None` = unlimited (sandbox only).
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::yclients) struct Limits {
    pub per_second: Option<NonZeroU32>,
    pub per_minute: Option<NonZeroU32>,
}

impl Limits {
    fn windows(self) -> impl Iterator<Item = (u32, Duration, fn(Urgency) -> u32)> {
        let second = self.per_second.map(|limit| (limit.get(), SECOND, tenths_of_second as fn(Urgency) -> u32));
        let minute = self.per_minute.map(|limit| (limit.get(), MINUTE, tenths_of_minute as fn(Urgency) -> u32));
        second.into_iter().chain(minute)
    }
}

fn tenths_of_second(urgency: Urgency) -> u32 {
    match urgency {
        Urgency::Interactive => 10,
        Urgency::Onboarding => 8,
        Urgency::Operator => 6,
        Urgency::Background => 4,
    }
}

fn tenths_of_minute(urgency: Urgency) -> u32 {
    match urgency {
        Urgency::Interactive => 10,
        Urgency::Onboarding => 9,
        Urgency::Operator => 8,
        Urgency::Background => 6,
    }
}

/// Calls of the last minute.
#[derive(Debug)]
pub(super) struct Rate {
    limits: Limits,
    sent: VecDeque<Sent>,
    held_until: Option<Instant>,
}

#[derive(Debug)]
struct Sent {
    ticket: u64,
    /// It has arrived by then.
    arrived_by: Instant,
}

impl Rate {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, sent: VecDeque::new(), held_until: None }
    }

    /// When the next call of this urgency may go; `now` or earlier means at once.
    pub(super) fn ready_at(&mut self, urgency: Urgency, now: Instant) -> Instant {
        self.forget(now);
        let held = self.held_until.filter(|until| *until > now).unwrap_or(now);
        let windows = self.limits.windows();
        windows.filter_map(|(limit, window, tenths)| self.free_at(room(limit, tenths(urgency)), window)).fold(held, Instant::max)
    }

    /// A call goes now.
    pub(super) fn sends(&mut self, ticket: u64, now: Instant) {
        if self.limits.windows().next().is_some() {
            self.sent.push_back(Sent { ticket, arrived_by: now + TRANSIT });
        }
    }

    /// Its answer is there: it had arrived before.
    pub(super) fn answered(&mut self, ticket: u64, now: Instant) {
        if let Some(sent) = self.sent.iter_mut().find(|sent| sent.ticket == ticket) {
            sent.arrived_by = sent.arrived_by.min(now);
        }
    }

    /// It was never sent.
    pub(super) fn not_sent(&mut self, ticket: u64) {
        self.sent.retain(|sent| sent.ticket != ticket);
    }

    /// Nothing goes before this.
    pub(super) fn hold(&mut self, until: Instant) {
        if self.limits.windows().next().is_some() {
            self.held_until = self.held_until.max(Some(until));
        }
    }

    /// When fewer than `most` calls are left in the window; `None` = they are already few enough.
    fn free_at(&self, most: usize, window: Duration) -> Option<Instant> {
        let mut arrivals: Vec<Instant> = self.sent.iter().map(|sent| sent.arrived_by).collect();
        arrivals.sort_unstable();
        let blocking = arrivals.len().checked_sub(most)?;
        Some(arrivals[blocking] + window + SLACK)
    }

    fn forget(&mut self, now: Instant) {
        self.sent.retain(|sent| sent.arrived_by + MINUTE + SLACK > now);
    }
}

/// At least one: a limit of one call per second must let everybody through some day.
fn room(limit: u32, tenths: u32) -> usize {
    ((limit * tenths) / 10).max(1) as usize
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YCLIENTS: Limits = Limits { per_second: NonZeroU32::new(5), per_minute: NonZeroU32::new(200) };

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn background_work_leaves_room_for_everybody_more_urgent() {
        let (mut rate, now) = (Rate::new(YCLIENTS), Instant::now());
        for (urgency, places) in [(Urgency::Background, 2), (Urgency::Operator, 1), (Urgency::Onboarding, 1), (Urgency::Interactive, 1)] {
            for place in 0..places {
                assert!(rate.ready_at(urgency, now) <= now, "{urgency:?} {place}");
                rate.sends(place, now);
            }
            assert!(rate.ready_at(urgency, now) > now, "{urgency:?} is full");
        }
    }

    #[test]
    fn an_answer_frees_a_place_earlier_than_silence() {
        let one = Limits { per_second: NonZeroU32::new(1), per_minute: None };
        let (mut rate, now) = (Rate::new(one), Instant::now());
        rate.sends(1, now);
        assert_eq!(rate.ready_at(Urgency::Interactive, now), now + TRANSIT + SECOND + SLACK);
        rate.answered(1, now + ms(40));
        assert_eq!(rate.ready_at(Urgency::Interactive, now + ms(50)), now + ms(40) + SECOND + SLACK);
        rate.not_sent(1);
        assert!(rate.ready_at(Urgency::Interactive, now + ms(50)) <= now + ms(50));
    }

    #[test]
    fn without_limits_nobody_waits_and_nobody_is_held() {
        let (mut rate, now) = (Rate::new(Limits::default()), Instant::now());
        rate.hold(now + SECOND);
        for ticket in 0..10_000 {
            assert!(rate.ready_at(Urgency::Background, now) <= now);
            rate.sends(ticket, now);
        }
        assert!(rate.sent.is_empty());
    }

    /// As YClients (and the sandbox) counts: what is refused does not count.
    fn most_within(arrivals: &[Instant], window: Duration) -> usize {
        let counted = |at: &Instant| arrivals.iter().filter(|other| **other <= *at && *at - **other < window).count();
        arrivals.iter().map(counted).max().unwrap_or(0)
    }

    proptest! {
        // Each case is minutes of calls.
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Any mix of urgencies, any travel time up to the believed one, answers in any order.
        #[test]
        fn yclients_never_counts_too_many(
            calls in prop::collection::vec((0..4_usize, 0..500_u64, 0..400_u64, any::<bool>(), 0..300_u64), 1..300)
        ) {
            let start = Instant::now();
            let (mut now, mut rate, mut arrivals) = (start, Rate::new(YCLIENTS), Vec::new());
            let mut answers: Vec<(Instant, u64)> = Vec::new();
            for (ticket, (urgency, travels, thinks, answered, pause)) in calls.into_iter().enumerate() {
                let ticket = ticket as u64;
                now += ms(pause);
                let urgency = Urgency::ALL[urgency];
                loop {
                    answers.retain(|(at, ticket)| {
                        let due = *at <= now;
                        if due { rate.answered(*ticket, now); }
                        !due
                    });
                    let ready = rate.ready_at(urgency, now);
                    if ready <= now { break; }
                    let next_answer = answers.iter().map(|(at, _)| *at).min();
                    now = next_answer.map_or(ready, |answer| answer.min(ready));
                }
                rate.sends(ticket, now);
                arrivals.push(now + ms(travels));
                if answered { answers.push((now + ms(travels + thinks), ticket)); }
            }
            prop_assert!(most_within(&arrivals, SECOND) <= 5);
            prop_assert!(most_within(&arrivals, MINUTE) <= 200);
        }
    }
}

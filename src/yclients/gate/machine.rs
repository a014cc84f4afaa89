//! Queue, rate and breakers together: every decision of the gate. Pure; the task around it brings the time.

use std::collections::HashMap;
use std::time::Duration;

use frontdesk_actors::ids::SalonId;
use tokio::time::Instant;

use super::Turned;
use super::breaker::{Breaker, BreakerState};
use super::queue::Queue;
use super::rate::{Limits, Rate};
use crate::yclients::Urgency;

/// Calls on their way whose end may have been lost; more are tidied away when they are older than any call.
const FLYING: usize = 2048;

/// Older than any call.
const LONGEST_CALL: Duration = Duration::from_secs(300);

/// A server behind YClients' name: each fails on its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::yclients) enum Base {
    /// `/marketplace`.
    Marketplace,
    /// `/api/v1`.
    Api,
}

impl Base {
    pub(super) const ALL: [Self; 2] = [Self::Marketplace, Self::Api];

    pub(in crate::yclients) fn name(self) -> &'static str {
        match self {
            Self::Marketplace => "marketplace",
            Self::Api => "api",
        }
    }
}

/// How a call ended, as far as the gate cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::yclients) enum Outcome {
    /// Nothing was sent.
    NotSent,
    /// It was sent and given up by us.
    Unknown,
    /// YClients answered sensibly.
    Answered,
    /// No connection, no answer, or 5xx.
    Failed,
}

/// What to do now.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<T> {
    /// This one goes.
    Go { ticket: u64, item: T },
    /// This one gets no place.
    Refuse { item: T, turned: Turned },
    /// Nobody goes before this.
    At(Instant),
    /// Nobody waits.
    Idle,
}

#[derive(Debug)]
struct Waiting<T> {
    base: Base,
    salon: Option<SalonId>,
    item: T,
}

#[derive(Debug)]
struct Flying {
    base: Base,
    salon: Option<SalonId>,
    since: Instant,
}

/// The gate's memory.
#[derive(Debug)]
pub(super) struct Machine<T> {
    queue: Queue<Waiting<T>>,
    rate: Rate,
    breakers: [Breaker; Base::ALL.len()],
    flying: HashMap<u64, Flying>,
    tickets: u64,
}

impl<T> Machine<T> {
    pub(super) fn new(limits: Limits) -> Self {
        let breakers = Base::ALL.map(|_| Breaker::default());
        Self { queue: Queue::default(), rate: Rate::new(limits), breakers, flying: HashMap::new(), tickets: 0 }
    }

    /// Takes a place, or says at once why there is none.
    pub(super) fn enter(&mut self, base: Base, urgency: Urgency, salon: Option<SalonId>, item: T, now: Instant) -> Result<(), (T, Turned)> {
        if let Some(again_in) = self.breakers[base as usize].refuses(now) {
            return Err((item, Turned::Broken { again_in }));
        }
        let waiting = Waiting { base, salon, item };
        self.queue.enter(urgency, salon, waiting).map_err(|refused| (refused.item, Turned::Full))
    }

    /// The next step. Those nobody wants any more are dropped without using up the budget.
    pub(super) fn next(&mut self, now: Instant, wanted: impl Fn(&T) -> bool) -> Next<T> {
        self.queue.sweep(|waiting| wanted(&waiting.item));
        let mut earliest = None;
        for urgency in Urgency::ALL.into_iter().filter(|urgency| self.queue.has(*urgency)).collect::<Vec<_>>() {
            let ready = self.rate.ready_at(urgency, now);
            if ready <= now {
                return self.queue.take(urgency).map_or(Next::Idle, |waiting| self.launch(waiting, now));
            }
            earliest = Some(earliest.map_or(ready, |earliest: Instant| earliest.min(ready)));
        }
        earliest.map_or(Next::Idle, Next::At)
    }

    fn launch(&mut self, waiting: Waiting<T>, now: Instant) -> Next<T> {
        let Waiting { base, salon, item } = waiting;
        self.tickets += 1;
        let ticket = self.tickets;
        if let Err(again_in) = self.breakers[base as usize].admit(ticket, now) {
            return Next::Refuse { item, turned: Turned::Broken { again_in } };
        }
        self.rate.sends(ticket, now);
        if self.flying.len() >= FLYING {
            self.flying.retain(|_, flying| flying.since + LONGEST_CALL > now);
        }
        self.flying.insert(ticket, Flying { base, salon, since: now });
        Next::Go { ticket, item }
    }

    /// A call ended.
    pub(super) fn ended(&mut self, ticket: u64, outcome: Outcome, now: Instant) {
        let Some(Flying { base, salon, .. }) = self.flying.remove(&ticket) else { return };
        let breaker = &mut self.breakers[base as usize];
        match outcome {
            Outcome::NotSent => {
                self.rate.not_sent(ticket);
                breaker.unknown(ticket, now);
            }
            Outcome::Unknown => breaker.unknown(ticket, now),
            Outcome::Answered => {
                self.rate.answered(ticket, now);
                breaker.answered(ticket);
            }
            // It may not have arrived yet: its place stays taken for as long as it may travel.
            Outcome::Failed => breaker.failed(ticket, salon, now),
        }
    }

    /// Nobody goes before this.
    pub(super) fn hold(&mut self, until: Instant) {
        self.rate.hold(until);
    }

    pub(super) fn waiting(&self) -> usize {
        self.queue.waiting()
    }

    pub(super) fn breaker(&self, base: Base) -> BreakerState {
        self.breakers[base as usize].state()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const YCLIENTS: Limits = Limits { per_second: NonZeroU32::new(5), per_minute: NonZeroU32::new(200) };

    fn salon(id: u64) -> Option<SalonId> {
        SalonId::try_from(id).ok()
    }

    fn gone<T>(next: Next<T>) -> Option<(u64, T)> {
        match next {
            Next::Go { ticket, item } => Some((ticket, item)),
            Next::Refuse { .. } | Next::At(_) | Next::Idle => None,
        }
    }

    #[test]
    fn the_more_urgent_overtakes_and_leavers_use_up_nothing() {
        let (mut machine, now) = (Machine::new(YCLIENTS), Instant::now());
        machine.enter(Base::Api, Urgency::Background, salon(1), "late", now).unwrap();
        machine.enter(Base::Api, Urgency::Interactive, salon(1), "left", now).unwrap();
        machine.enter(Base::Api, Urgency::Interactive, salon(2), "chat", now).unwrap();
        let mut order = Vec::new();
        while let Some((_, item)) = gone(machine.next(now, |item| *item != "left")) {
            order.push(item);
        }
        assert_eq!(order, ["chat", "late"]);
        assert_eq!(machine.next(now, |_| true), Next::Idle);
    }

    #[test]
    fn a_base_that_fails_is_left_alone_and_the_other_goes_on() {
        let (mut machine, now) = (Machine::new(Limits::default()), Instant::now());
        for id in 1..=5 {
            machine.enter(Base::Api, Urgency::Interactive, salon(id), id, now).unwrap();
            let (ticket, _) = gone(machine.next(now, |_| true)).unwrap();
            machine.ended(ticket, Outcome::Failed, now);
        }
        assert_eq!(machine.breaker(Base::Api), BreakerState::Open);
        assert!(matches!(machine.enter(Base::Api, Urgency::Interactive, salon(9), 9, now), Err((9, Turned::Broken { .. }))));
        machine.enter(Base::Marketplace, Urgency::Background, salon(9), 9, now).unwrap();
        assert!(gone(machine.next(now, |_| true)).is_some());
    }

    #[test]
    fn who_waited_while_the_base_broke_is_refused_and_not_sent() {
        let (mut machine, now) = (Machine::new(Limits::default()), Instant::now());
        let mut flying = Vec::new();
        for id in 1..=7 {
            machine.enter(Base::Api, Urgency::Interactive, salon(id), id, now).unwrap();
            if id <= 5 {
                flying.push(gone(machine.next(now, |_| true)).unwrap().0);
            }
        }
        flying.into_iter().for_each(|ticket| machine.ended(ticket, Outcome::Failed, now));
        assert!(matches!(machine.next(now, |_| true), Next::Refuse { item: 6, turned: Turned::Broken { .. } }));
    }

    #[test]
    fn a_call_that_was_never_sent_gives_its_place_back() {
        let one = Limits { per_second: NonZeroU32::new(1), per_minute: None };
        let (mut machine, now) = (Machine::new(one), Instant::now());
        machine.enter(Base::Api, Urgency::Interactive, None, 1, now).unwrap();
        machine.enter(Base::Api, Urgency::Interactive, None, 2, now).unwrap();
        let (ticket, _) = gone(machine.next(now, |_| true)).unwrap();
        assert!(matches!(machine.next(now, |_| true), Next::At(_)));
        machine.ended(ticket, Outcome::NotSent, now);
        assert_eq!(gone(machine.next(now, |_| true)).map(|(_, item)| item), Some(2));
    }
}

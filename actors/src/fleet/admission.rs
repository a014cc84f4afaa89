//! Who may dial next: not too many at once, not too fast, first come, first served; at a start, by rank. Two queues take turns, so that an
//! owner in front of the page does not wait behind a thousand sessions that are being restored. Pure.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::DialQueue;
use crate::ids::CompanyId;

/// A dial comes up to this part of the pace after its slot, at random, so that dials don't tick. The slots themselves are evenly spaced: neither the
/// jitter nor a timer that fires late adds up over a thousand dials.
const JITTER: f64 = 0.1;

/// A dial so late in its slot, as a part of the pace, still belongs to it: jitter and a timer's lateness. Who comes later begins a new row of slots,
/// so that no second sees more dials than the pace allows, but for this.
const LATE: f64 = 0.2;

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next<T> {
    /// This one may dial; it waited this long.
    Grant(T, Duration),
    /// Somebody may, but not before this.
    At(Instant),
    /// Nobody waits, or too many are dialling: a permit must come back first.
    Nothing,
}

/// Which queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lane {
    /// A person waits for a code.
    Owner,
    /// A linked session comes back by itself.
    Restore,
}

impl Lane {
    fn other(self) -> Self {
        match self {
            Self::Owner => Self::Restore,
            Self::Restore => Self::Owner,
        }
    }
}

/// By rank, then by arrival. Who has no rank comes after those who have.
type Place = (u32, u64);

/// The queues of companies that want to dial. `T` is where the permit goes.
#[derive(Debug)]
pub(crate) struct Admission<T> {
    /// Time between two dials; `None` = no limit.
    pace: Option<Duration>,
    at_once: usize,
    out: usize,
    owners: BTreeMap<Place, CompanyId>,
    restores: BTreeMap<Place, CompanyId>,
    arrivals: u64,
    /// Whose turn it is.
    turn: Lane,
    waiting: HashMap<CompanyId, (T, Instant)>,
    /// The next slot of the pace, and when in it somebody may dial.
    slot: Option<Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    begins: Instant,
    not_before: Instant,
}

impl<T> Admission<T> {
    /// At most `per_second` dials a second and `at_once` at the same time.
    pub(crate) fn new(per_second: Option<u32>, at_once: usize) -> Self {
        let pace = per_second.map(|rate| Duration::from_secs(1) / rate.max(1));
        Self {
            pace,
            at_once: at_once.max(1),
            out: 0,
            owners: BTreeMap::new(),
            restores: BTreeMap::new(),
            arrivals: 0,
            turn: Lane::Owner,
            waiting: HashMap::new(),
            slot: None,
        }
    }

    /// Queues a company. One that waits already keeps its place.
    pub(crate) fn ask(&mut self, company: CompanyId, lane: Lane, rank: Option<u32>, whom: T, now: Instant) {
        if self.waiting.insert(company, (whom, now)).is_none() {
            let place = (rank.unwrap_or(u32::MAX), self.arrivals);
            self.arrivals += 1;
            self.queue(lane).insert(place, company);
        }
    }

    fn queue(&mut self, lane: Lane) -> &mut BTreeMap<Place, CompanyId> {
        match lane {
            Lane::Owner => &mut self.owners,
            Lane::Restore => &mut self.restores,
        }
    }

    /// The next in line: of the queue whose turn it is, or of the other one when that is empty.
    fn pop(&mut self) -> Option<(T, Instant)> {
        let lane = if self.queue(self.turn).is_empty() { self.turn.other() } else { self.turn };
        self.turn = lane.other();
        let (_, company) = self.queue(lane).pop_first()?;
        self.waiting.remove(&company)
    }

    /// How many wait and how many dial.
    pub(crate) fn queue_now(&self) -> DialQueue {
        DialQueue { owners: self.owners.len(), restores: self.restores.len(), out: self.out }
    }

    /// A permit came back.
    pub(crate) fn give_back(&mut self) {
        self.out = self.out.saturating_sub(1);
    }

    /// Grants the next permit if one may be granted now. `dice` is uniform in `[0, 1)`.
    pub(crate) fn next(&mut self, now: Instant, dice: f64) -> Next<T> {
        if self.waiting.is_empty() || self.out >= self.at_once {
            return Next::Nothing;
        }
        if let Some(at) = self.slot.map(|slot| slot.not_before).filter(|at| *at > now) {
            return Next::At(at);
        }
        let Some((whom, asked)) = self.pop() else {
            return Next::Nothing;
        };
        self.out += 1;
        self.slot = self.pace.map(|pace| self.slot_after(now, pace, dice));
        Next::Grant(whom, now.duration_since(asked))
    }

    /// The slot after the one just used. One that was left empty is not made up for.
    fn slot_after(&self, now: Instant, pace: Duration, dice: f64) -> Slot {
        let used = self.slot.map(|slot| slot.begins).filter(|begins| now.duration_since(*begins) < pace.mul_f64(LATE));
        let begins = used.unwrap_or(now) + pace;
        Slot { begins, not_before: begins + pace.mul_f64(JITTER * dice.clamp(0.0, 1.0)) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use proptest::prelude::*;

    fn company(id: u64) -> CompanyId {
        CompanyId::try_from(id).unwrap()
    }

    /// Runs the queue dry and tells when each permit was granted; every permit comes back after `hold`.
    fn drain(admission: &mut Admission<u64>, start: Instant, hold: Duration) -> Vec<(u64, Duration)> {
        let mut now = start;
        let mut granted = Vec::new();
        let mut back: VecDeque<Instant> = VecDeque::new();
        loop {
            while back.front().is_some_and(|at| *at <= now) {
                back.pop_front();
                admission.give_back();
            }
            match admission.next(now, 0.5) {
                Next::Grant(who, _) => {
                    granted.push((who, now - start));
                    back.push_back(now + hold);
                }
                Next::At(at) => now = at,
                Next::Nothing => match back.front() {
                    Some(at) => now = *at,
                    None => return granted,
                },
            }
        }
    }

    #[test]
    fn five_hundred_dials_come_in_order_and_never_faster_than_the_pace() {
        let start = Instant::now();
        let mut admission = Admission::new(Some(20), 64);
        (1..=500).for_each(|id| admission.ask(company(id), Lane::Restore, None, id, start));
        let granted = drain(&mut admission, start, Duration::from_millis(200));
        let order: Vec<u64> = granted.iter().map(|(who, _)| *who).collect();
        assert_eq!(order, (1..=500).collect::<Vec<_>>());
        for window in granted.windows(21) {
            assert!(window[20].1 - window[0].1 >= Duration::from_secs(1), "more than 20 in a second");
        }
    }

    #[test]
    fn late_timers_and_jitter_do_not_add_up() {
        let start = Instant::now();
        let mut admission = Admission::new(Some(20), 64);
        (1..=500).for_each(|id| admission.ask(company(id), Lane::Restore, None, id, start));
        let (mut now, mut granted) = (start, Vec::new());
        while granted.len() < 500 {
            match admission.next(now, (granted.len() % 10) as f64 / 10.0) {
                Next::Grant(..) => {
                    granted.push(now - start);
                    admission.give_back();
                }
                Next::At(at) => now = at + Duration::from_millis(3),
                Next::Nothing => unreachable!("permits come back at once"),
            }
        }
        let slack = Duration::from_millis(10);
        assert!(granted[499].abs_diff(Duration::from_millis(499 * 50)) < slack, "{:?}", granted[499]);
        assert!(granted.windows(21).all(|window| window[20] - window[0] > Duration::from_secs(1) - slack), "more than 20 in a second");
        now += Duration::from_secs(60);
        (501..=503).for_each(|id| admission.ask(company(id), Lane::Restore, None, id, now));
        assert!(matches!(admission.next(now, 0.0), Next::Grant(501, _)));
        assert_eq!(admission.next(now, 0.0), Next::At(now + Duration::from_millis(50)), "a quiet minute is not made up for");
    }

    #[test]
    fn no_more_than_the_limit_dial_at_once() {
        let start = Instant::now();
        let mut admission = Admission::new(None, 3);
        (1..=4).for_each(|id| admission.ask(company(id), Lane::Restore, None, id, start));
        for id in 1..=3 {
            assert_eq!(admission.next(start, 0.0), Next::Grant(id, Duration::ZERO));
        }
        assert_eq!(admission.next(start, 0.0), Next::Nothing);
        admission.give_back();
        assert_eq!(admission.next(start, 0.0), Next::Grant(4, Duration::ZERO));
    }

    #[test]
    fn asking_again_keeps_the_place_and_brings_no_second_permit() {
        let start = Instant::now();
        let mut admission = Admission::new(None, 9);
        admission.ask(company(1), Lane::Restore, None, 10, start);
        admission.ask(company(2), Lane::Restore, None, 20, start);
        admission.ask(company(1), Lane::Restore, None, 11, start);
        assert_eq!(admission.next(start, 0.0), Next::Grant(11, Duration::ZERO));
        assert_eq!(admission.next(start, 0.0), Next::Grant(20, Duration::ZERO));
        assert_eq!(admission.next(start, 0.0), Next::Nothing);
    }

    #[test]
    fn an_owner_does_not_wait_behind_a_thousand_restores_and_those_go_on() {
        let start = Instant::now();
        let mut admission = Admission::new(None, 9999);
        (1..=1000).for_each(|id| admission.ask(company(id), Lane::Restore, None, id, start));
        (2001..=2003).for_each(|id| admission.ask(company(id), Lane::Owner, None, id, start));
        let granted = drain(&mut admission, start, Duration::ZERO);
        let first: Vec<u64> = granted.iter().take(7).map(|(who, _)| *who).collect();
        assert_eq!(first, [2001, 1, 2002, 2, 2003, 3, 4]);
        assert_eq!(granted.len(), 1003);
    }

    #[test]
    fn at_a_start_rank_comes_before_arrival_and_later_losses_wait_behind() {
        let start = Instant::now();
        let mut admission = Admission::new(None, 9999);
        for (id, rank) in [(1, Some(2)), (2, None), (3, Some(0)), (4, None), (5, Some(1))] {
            admission.ask(company(id), Lane::Restore, rank, id, start);
        }
        let order: Vec<u64> = drain(&mut admission, start, Duration::ZERO).iter().map(|(who, _)| *who).collect();
        assert_eq!(order, [3, 5, 1, 2, 4]);
    }

    proptest! {
        #[test]
        fn everybody_gets_a_turn(rate in proptest::option::of(1_u32..100), at_once in 1_usize..10, n in 1_u64..60, hold_ms in 0_u64..500) {
            let start = Instant::now();
            let mut admission = Admission::new(rate, at_once);
            (1..=n).for_each(|id| admission.ask(company(id), Lane::Restore, None, id, start));
            let granted = drain(&mut admission, start, Duration::from_millis(hold_ms));
            prop_assert_eq!(granted.len() as u64, n);
        }
    }
}

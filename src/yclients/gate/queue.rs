//! Who is next: the most urgent first, and among equals one salon after the other, whatever each has waiting. Pure and bounded.

use std::collections::{HashMap, VecDeque};

use frontdesk_actors::ids::SalonId;

use crate::yclients::Urgency;

/// Calls waiting over all. The less urgent may fill three quarters only, so that a person always finds a place to wait in.
pub(super) const MOST_WAITING: usize = 2048;

/// Calls of one salon (or of none) waiting with the same urgency: one that floods fills its own line only.
const MOST_OF_ONE: usize = 32;

/// Everybody who waits.
#[derive(Debug)]
pub(super) struct Queue<T> {
    lanes: [Lane<T>; Urgency::ALL.len()],
    waiting: usize,
}

#[derive(Debug)]
struct Lane<T> {
    lines: HashMap<Option<SalonId>, VecDeque<T>>,
    /// Salons with somebody in line, in the order of their turns.
    turns: VecDeque<Option<SalonId>>,
}

impl<T> Default for Lane<T> {
    fn default() -> Self {
        Self { lines: HashMap::new(), turns: VecDeque::new() }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self { lanes: Urgency::ALL.map(|_| Lane::default()), waiting: 0 }
    }
}

impl<T> Queue<T> {
    /// Takes a place, or gives the item back when there is none. Places of those who left are cleared before anybody is refused.
    pub(super) fn enter(&mut self, urgency: Urgency, salon: Option<SalonId>, item: T) -> Result<(), T> {
        let lane = &mut self.lanes[urgency as usize];
        let in_line = lane.lines.get(&salon).map_or(0, VecDeque::len);
        let most = if urgency == Urgency::Interactive { MOST_WAITING } else { MOST_WAITING / 4 * 3 };
        if self.waiting >= most || in_line >= MOST_OF_ONE {
            return Err(item);
        }
        if in_line == 0 {
            lane.turns.push_back(salon);
        }
        lane.lines.entry(salon).or_default().push_back(item);
        self.waiting += 1;
        Ok(())
    }

    /// Drops those nobody wants any more.
    pub(super) fn sweep(&mut self, wanted: impl Fn(&T) -> bool) {
        for lane in &mut self.lanes {
            for line in lane.lines.values_mut() {
                line.retain(&wanted);
            }
            lane.lines.retain(|_, line| !line.is_empty());
            lane.turns.retain(|salon| lane.lines.contains_key(salon));
        }
        self.waiting = self.lanes.iter().flat_map(|lane| lane.lines.values()).map(VecDeque::len).sum();
    }

    /// Does anybody wait with this urgency?
    pub(super) fn has(&self, urgency: Urgency) -> bool {
        !self.lanes[urgency as usize].turns.is_empty()
    }

    /// The next one of this urgency; its salon goes to the end of the turns.
    pub(super) fn take(&mut self, urgency: Urgency) -> Option<T> {
        let lane = &mut self.lanes[urgency as usize];
        let salon = lane.turns.pop_front()?;
        let line = lane.lines.get_mut(&salon)?;
        let item = line.pop_front()?;
        if line.is_empty() {
            lane.lines.remove(&salon);
        } else {
            lane.turns.push_back(salon);
        }
        self.waiting -= 1;
        Some(item)
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.waiting
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn salon(id: u64) -> Option<SalonId> {
        SalonId::try_from(id).ok()
    }

    #[test]
    fn a_salon_that_floods_delays_another_by_one_call() {
        let mut queue = Queue::default();
        for call in 0..MOST_OF_ONE {
            queue.enter(Urgency::Interactive, salon(1), (1, call)).unwrap();
        }
        assert!(queue.enter(Urgency::Interactive, salon(1), (1, 99)).is_err(), "its own line is full");
        queue.enter(Urgency::Interactive, salon(2), (2, 0)).unwrap();
        assert_eq!(queue.take(Urgency::Interactive), Some((1, 0)));
        assert_eq!(queue.take(Urgency::Interactive), Some((2, 0)));
        assert_eq!(queue.take(Urgency::Interactive), Some((1, 1)));
    }

    #[test]
    fn a_full_queue_answers_and_gives_places_of_leavers_back() {
        let mut queue = Queue::default();
        let mut id = 0;
        for (urgency, most) in [(Urgency::Background, MOST_WAITING / 4 * 3), (Urgency::Interactive, MOST_WAITING)] {
            while queue.waiting() < most {
                queue.enter(urgency, salon(id + 1), id).unwrap();
                id += 1;
            }
            assert_eq!(queue.enter(urgency, salon(id + 1), 7), Err(7), "{urgency:?}");
        }
        queue.sweep(|id| id % 2 == 0);
        assert_eq!(queue.waiting(), MOST_WAITING / 2);
        queue.enter(Urgency::Interactive, salon(1), 7).unwrap();
        assert_eq!(queue.take(Urgency::Background), Some(0));
        assert_eq!(queue.take(Urgency::Background), Some(2));
    }

    proptest! {
        /// Whatever comes and goes: nothing is lost or doubled, each salon's calls keep their order, and between two calls of one salon every other
        /// salon that waited had its turn.
        #[test]
        fn everybody_gets_a_turn(entries in prop::collection::vec((0..4_usize, 0..6_u64), 0..150)) {
            let mut queue = Queue::default();
            let mut accepted = Vec::new();
            for (number, (urgency, id)) in entries.into_iter().enumerate() {
                let entry = (urgency, id, number);
                if queue.enter(Urgency::ALL[urgency], salon(id), entry).is_ok() { accepted.push(entry); }
            }
            prop_assert_eq!(queue.waiting(), accepted.len());
            let mut left = Vec::new();
            for urgency in Urgency::ALL {
                while let Some(entry) = queue.take(urgency) { left.push(entry); }
            }
            prop_assert_eq!(queue.waiting(), 0);
            let mut sorted = left.clone();
            sorted.sort_by_key(|(_, _, number)| *number);
            prop_assert_eq!(sorted, accepted);
            for (place, one) in left.iter().enumerate() {
                let rest = &left[place + 1..];
                let Some(again) = rest.iter().position(|other| (other.0, other.1) == (one.0, one.1)) else { continue };
                let mut between: Vec<_> = rest[..again].iter().map(|other| other.1).collect();
                let before = between.len();
                between.sort_unstable();
                between.dedup();
                prop_assert_eq!(between.len(), before, "nobody came twice in between");
            }
        }
    }
}

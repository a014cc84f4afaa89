//! A day in steps of five minutes.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use frontdesk_actors::operators::PulseSlot;

/// Length of one step, in seconds.
const STEP: i64 = 300;

/// Steps that are kept: 24 hours.
const STEPS: i64 = 288;

/// Slots by the second they begin; those in which nothing happened are left out.
#[derive(Debug, Default)]
pub(super) struct Ring {
    slots: BTreeMap<i64, PulseSlot>,
    /// What is stored, by the same second.
    stored: BTreeMap<i64, PulseSlot>,
}

fn begin(now: DateTime<Utc>) -> i64 {
    now.timestamp().div_euclid(STEP) * STEP
}

fn empty(begin: i64, online_now: u32) -> PulseSlot {
    PulseSlot { at: DateTime::from_timestamp(begin, 0).unwrap_or_default(), online_now, ..PulseSlot::default() }
}

impl Ring {
    /// With what is stored.
    pub(super) fn new(slots: Vec<PulseSlot>) -> Self {
        let slots: BTreeMap<_, _> = slots.into_iter().map(|slot| (slot.at.timestamp(), slot)).collect();
        Self { stored: slots.clone(), slots }
    }

    /// The oldest step of the day that ends now.
    pub(super) fn first_slot(now: DateTime<Utc>) -> DateTime<Utc> {
        DateTime::from_timestamp(begin(now), 0).unwrap_or(now) - TimeDelta::seconds(STEP * (STEPS - 1))
    }

    /// The present step; older ones than a day go.
    pub(super) fn slot(&mut self, now: DateTime<Utc>, online: u32) -> &mut PulseSlot {
        let begin = begin(now);
        let oldest = begin - STEP * (STEPS - 1);
        if !self.slots.contains_key(&begin) {
            self.slots.retain(|at, _| *at >= oldest);
            self.stored.retain(|at, _| *at >= oldest);
        }
        let slot = self.slots.entry(begin).or_insert_with(|| empty(begin, online));
        slot.online_now = online;
        slot
    }

    /// Every step of the last day. A quiet one shows as many sessions online as the one before it.
    pub(super) fn day(&self, now: DateTime<Utc>, online: u32) -> Vec<PulseSlot> {
        let last = begin(now);
        let first = last - (STEPS - 1) * STEP;
        let mut before = self.slots.range(..first).next_back().map_or(0, |(_, slot)| slot.online_now);
        let steps = (0..STEPS).map(|step| first + step * STEP);
        steps
            .map(|at| {
                let slot = self.slots.get(&at).cloned().unwrap_or_else(|| empty(at, if at == last { online } else { before }));
                before = slot.online_now;
                slot
            })
            .collect()
    }

    /// Slots that changed since they were stored.
    pub(super) fn unsaved(&self) -> Vec<PulseSlot> {
        self.slots.iter().filter(|(at, slot)| self.stored.get(at) != Some(slot)).map(|(_, slot)| slot.clone()).collect()
    }

    /// These are stored.
    pub(super) fn saved(&mut self, slots: &[PulseSlot]) {
        self.stored.extend(slots.iter().map(|slot| (slot.at.timestamp(), slot.clone())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moment(seconds: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn what_happened_more_than_a_day_ago_is_forgotten_and_memory_stays_bounded() {
        let mut ring = Ring::default();
        for step in 0..1_000 {
            ring.slot(moment(step * STEP), 3).qr_shown += 1;
        }
        assert_eq!(ring.slots.len(), STEPS as usize);
        assert_eq!(ring.day(moment(999 * STEP), 3).iter().map(|slot| slot.qr_shown).sum::<u32>(), STEPS as u32);
        assert_eq!(ring.day(moment(1_143 * STEP), 3).iter().map(|slot| slot.qr_shown).sum::<u32>(), 144);
    }

    #[test]
    fn a_quiet_step_shows_the_sessions_of_the_one_before() {
        let mut ring = Ring::default();
        ring.slot(moment(0), 7);
        let day = ring.day(moment(10 * STEP), 7);
        assert_eq!(day.len(), STEPS as usize);
        assert!(day.iter().rev().take(11).all(|slot| slot.online_now == 7));
    }

    #[test]
    fn only_what_changed_is_stored_again() {
        let mut ring = Ring::default();
        ring.slot(moment(0), 1).qr_shown += 1;
        ring.slot(moment(STEP), 1).qr_shown += 1;
        let all = ring.unsaved();
        ring.saved(&all);
        assert_eq!((all.len(), ring.unsaved().len()), (2, 0));
        ring.slot(moment(STEP), 1).paired += 1;
        assert_eq!(ring.unsaved().len(), 1);
    }
}

//! The one meta record that every commit writes: next ids and counts, so that nothing has to be counted at start.

use chrono::{DateTime, Utc};
use frontdesk_actors::ports::DayTraffic;
use frontdesk_actors::records::IntegrationStatus;
use serde::{Deserialize, Serialize};

use crate::store::digest::TreeDigest;
use crate::store::fault::Fault;
use crate::store::records::Stored;

/// Every status, in the order of the onboarding; a position in this list is a position in [`Counters::by_status`].
pub(super) const STATUSES: [IntegrationStatus; 7] = [
    IntegrationStatus::Pending,
    IntegrationStatus::PendingWhatsapp,
    IntegrationStatus::Activating,
    IntegrationStatus::Active,
    IntegrationStatus::ActivationFailed,
    IntegrationStatus::Frozen,
    IntegrationStatus::Uninstalled,
];

/// Next ids and counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counters {
    /// Commits made; compared with the mark beside the database.
    pub(super) commits: u64,
    /// Highest company id given out.
    pub(super) last_company: u64,
    /// Highest inbox id given out.
    pub(super) last_inbox: u64,
    /// Highest event number given out. One sequence for all companies, so that it also orders each.
    pub(super) last_event: u64,
    /// Highest number of an operator's key given out. Absent before there were keys.
    #[serde(default)]
    pub(super) last_key: u64,
    /// Highest number of an audit entry given out.
    #[serde(default)]
    pub(super) last_audit: u64,
    /// Companies by status, in the order of [`STATUSES`].
    pub(super) by_status: [u64; STATUSES.len()],
    /// Connections made and lost, by hour, oldest first. Absent in older databases.
    #[serde(default)]
    pub(super) traffic: Vec<Hour>,
    /// Sum of all entries but this one. Missing: written by a program that kept none; made at start.
    #[serde(default)]
    pub(super) digest: Option<TreeDigest>,
}

/// Hours that [`Counters::traffic`] holds: a day, and the hour that has begun.
const HOURS: usize = 25;
/// Seconds of an hour.
const HOUR: i64 = 3600;

/// What happened within one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Hour {
    /// Hours since 1970.
    pub(super) hour: i64,
    pub(super) connected: u64,
    pub(super) disconnected: u64,
}

impl Stored for Counters {
    const WHAT: &'static str = "counters record";
}

impl Counters {
    /// A company moved from one status to another, or appeared with one.
    pub(super) fn moved(&mut self, from: Option<IntegrationStatus>, to: IntegrationStatus) {
        if let Some(from) = from {
            let count = &mut self.by_status[place(from)];
            *count = count.saturating_sub(1);
        }
        self.by_status[place(to)] += 1;
    }

    /// A company's WhatsApp was connected, or disconnected for good.
    pub(super) fn connection(&mut self, made: bool, now: DateTime<Utc>) {
        let hour = now.timestamp().div_euclid(HOUR);
        if self.traffic.last().is_none_or(|last| last.hour < hour) {
            self.traffic.push(Hour { hour, connected: 0, disconnected: 0 });
            let over = self.traffic.len().saturating_sub(HOURS);
            self.traffic.drain(..over);
        }
        // A clock that was put back counts into the latest hour.
        if let Some(last) = self.traffic.last_mut() {
            let count = if made { &mut last.connected } else { &mut last.disconnected };
            *count += 1;
        }
    }

    /// The last 24 h, to the hour.
    pub(super) fn last_day(&self, now: DateTime<Utc>) -> DayTraffic {
        let from = now.timestamp().div_euclid(HOUR) - 24;
        let hours = self.traffic.iter().filter(|hour| hour.hour > from);
        hours.fold(DayTraffic::default(), |sum, hour| DayTraffic {
            connected: sum.connected + hour.connected,
            disconnected: sum.disconnected + hour.disconnected,
        })
    }

    /// The next number of a sequence.
    pub(super) fn next(sequence: &mut u64) -> Result<u64, Fault> {
        *sequence = sequence.checked_add(1).ok_or(Fault::Refused { rule: "a sequence is used up" })?;
        Ok(*sequence)
    }
}

fn place(status: IntegrationStatus) -> usize {
    match status {
        IntegrationStatus::Pending => 0,
        IntegrationStatus::PendingWhatsapp => 1,
        IntegrationStatus::Activating => 2,
        IntegrationStatus::Active => 3,
        IntegrationStatus::ActivationFailed => 4,
        IntegrationStatus::Frozen => 5,
        IntegrationStatus::Uninstalled => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_counted_at_its_own_place() {
        for (index, status) in STATUSES.into_iter().enumerate() {
            assert_eq!(place(status), index);
        }
        let mut counters = Counters::default();
        counters.moved(None, IntegrationStatus::Pending);
        counters.moved(Some(IntegrationStatus::Pending), IntegrationStatus::Active);
        assert_eq!(counters.by_status, [0, 0, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn connections_count_for_a_day_and_take_no_more_room_than_that() {
        let mut counters = Counters::default();
        let start = DateTime::from_timestamp(1_000_000_000, 0).unwrap();
        for hour in 0..100 {
            let now = start + chrono::TimeDelta::hours(hour);
            counters.connection(true, now);
            counters.connection(hour % 2 == 0, now);
        }
        assert_eq!(counters.traffic.len(), HOURS);
        let end = start + chrono::TimeDelta::hours(99);
        assert_eq!(counters.last_day(end), DayTraffic { connected: 24 + 12, disconnected: 12 });
        assert_eq!(counters.last_day(end + chrono::TimeDelta::hours(30)), DayTraffic::default());
    }
}

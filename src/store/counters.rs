//! The one meta record that every commit writes: next ids and counts, so that nothing has to be counted at start.

use frontdesk_actors::records::IntegrationStatus;
use serde::{Deserialize, Serialize};

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
    /// Companies by status, in the order of [`STATUSES`].
    pub(super) by_status: [u64; STATUSES.len()],
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
}

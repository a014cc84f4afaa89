//! What a reconciliation found and did, for operators.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::rules::Remedy;
use crate::events::Fact;
use crate::ids::{CompanyId, SalonId};
use crate::ports::{EventSink, Installation};
use crate::records::IntegrationStatus;

/// Differences listed in one report; the rest is counted.
const LISTED: usize = 1_000;

/// Why a round was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    /// It was time.
    Schedule,
    /// It was time to look at the frozen ones.
    Frozen,
    /// Somebody asked.
    Asked,
}

/// How a round ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconcileResult {
    /// Everything was compared.
    Done,
    /// Some salons could not be asked about; the rest was compared.
    Incomplete,
    /// The list could not be read, or our store not: nothing was compared.
    Failed,
    /// Partner token or application id missing here.
    NotConfigured,
}

impl ReconcileResult {
    pub(super) fn is_finished(self) -> bool {
        match self {
            Self::Done | Self::NotConfigured => true,
            Self::Incomplete | Self::Failed => false,
        }
    }

    /// For labels and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Incomplete => "incomplete",
            Self::Failed => "failed",
            Self::NotConfigured => "not_configured",
        }
    }
}

/// One salon about which we and YClients differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// Ours; `None` when we don't know the salon.
    pub company_id: Option<CompanyId>,
    /// YClients'.
    pub salon_id: SalonId,
    /// What we have.
    pub ours: Option<IntegrationStatus>,
    /// What YClients says; `None` = only that it is (or is not) in the list.
    pub theirs: Option<Installation>,
    /// What the rule says.
    pub remedy: Remedy,
    /// It was done: the event is in the company's inbox.
    pub done: bool,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReconcileReport {
    /// Why it was made.
    pub trigger: Trigger,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: DateTime<Utc>,
    /// How.
    pub result: ReconcileResult,
    /// Salons in YClients' list.
    pub listed: usize,
    /// Companies compared.
    pub compared: usize,
    /// Companies about which YClients gave no answer.
    pub unanswered: usize,
    /// What differs; at most a thousand.
    pub differences: Vec<Difference>,
    /// Differences that are not listed.
    pub omitted: usize,
}

/// Where the reconciliation stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ReconcileStatus {
    /// A round runs, since then.
    pub running_since: Option<DateTime<Utc>>,
    /// The last round over everybody since the start.
    pub last: Option<ReconcileReport>,
    /// The last look at the frozen ones, or at one salon.
    pub last_partial: Option<ReconcileReport>,
    /// The next round on the schedule.
    pub next_at: Option<DateTime<Utc>>,
}

impl ReconcileReport {
    pub(super) fn new(trigger: Trigger, now: DateTime<Utc>) -> Self {
        Self {
            trigger,
            started_at: now,
            ended_at: now,
            result: ReconcileResult::Done,
            listed: 0,
            compared: 0,
            unanswered: 0,
            differences: Vec::new(),
            omitted: 0,
        }
    }

    pub(super) fn add(&mut self, difference: Difference) {
        tracing::warn!(
            company.id = difference.company_id.map(CompanyId::get),
            salon.id = %difference.salon_id,
            ours = ?difference.ours,
            theirs = ?difference.theirs,
            remedy = difference.remedy.name(),
            done = difference.done,
            "YClients and we differ about an installation"
        );
        if self.differences.len() < LISTED {
            self.differences.push(difference);
        } else {
            self.omitted += 1;
        }
    }

    /// Tells observers and the log.
    pub(super) fn tell(&self, events: &dyn EventSink, everybody: bool) {
        for difference in &self.differences {
            events.publish(&Fact::InstallationDiffers { remedy: difference.remedy, done: difference.done });
        }
        events.publish(&Fact::Reconciled { result: self.result, everybody });
        let (listed, compared, unanswered) = (self.listed, self.compared, self.unanswered);
        let differences = self.differences.len() + self.omitted;
        match self.result {
            ReconcileResult::Done | ReconcileResult::NotConfigured => {
                tracing::info!(result = self.result.name(), listed, compared, differences, "installations compared with YClients");
            }
            ReconcileResult::Incomplete | ReconcileResult::Failed => {
                tracing::warn!(
                    result = self.result.name(),
                    listed,
                    compared,
                    unanswered,
                    differences,
                    "installations could not all be compared"
                );
            }
        }
    }
}

//! The public picture of a company, from what is durable. Pure.

use chrono::{DateTime, Utc};

use super::onboarding::window_ends;
use crate::records::{CompanyRecord, Desired, IntegrationStatus, SessionRecord, StoredCompany};
use crate::restart::RestartBudget;
use crate::settings::FleetSettings;
use crate::view::{ActivationView, CompanyView, Limits, NextStep, RestartsView, SessionState, SessionView, StateReason};

/// A company with its session's picture; `saga` is what a saga under way shows.
pub(crate) fn company(
    record: &CompanyRecord,
    (session, restarts): (SessionView, RestartsView),
    saga: Option<ActivationView>,
    settings: &FleetSettings,
    now: DateTime<Utc>,
) -> CompanyView {
    CompanyView {
        company_id: record.company_id,
        salon_id: record.salon_id,
        title: record.title.clone(),
        integration: record.integration_status,
        session,
        activation: saga.unwrap_or_else(|| activation(record, settings, now)),
        connected_at: record.connected_at,
        restarts,
    }
}

/// Where the activation stands when no saga is under way.
pub(crate) fn activation(record: &CompanyRecord, settings: &FleetSettings, now: DateTime<Utc>) -> ActivationView {
    match record.integration_status {
        IntegrationStatus::Active => ActivationView::Active,
        IntegrationStatus::ActivationFailed => ActivationView::Failed,
        IntegrationStatus::Activating => ActivationView::Activating,
        IntegrationStatus::Frozen | IntegrationStatus::Uninstalled => ActivationView::Waiting,
        IntegrationStatus::Pending | IntegrationStatus::PendingWhatsapp => match minutes_over(record, settings, now) {
            Some(minutes_ago) => ActivationView::Expired { minutes_ago },
            None => ActivationView::Waiting,
        },
    }
}

/// Whole minutes since the window closed; `None` while it is open.
pub(crate) fn minutes_over(record: &CompanyRecord, settings: &FleetSettings, now: DateTime<Utc>) -> Option<u64> {
    let over = now - window_ends(record.registered_at, settings);
    if over > chrono::TimeDelta::zero() { u64::try_from(over.num_minutes()).ok() } else { None }
}

/// What is shown before a company's actor had its first say.
pub(crate) fn before_start(stored: &StoredCompany, settings: &FleetSettings, now: DateTime<Utc>) -> CompanyView {
    let session = stored.session.as_ref().map_or_else(|| SessionView::at_rest(now), |record| recorded(record, now));
    let full = RestartBudget::new(settings.restarts, settings.restart_window).shown();
    company(&stored.company, (session, RestartsView { session: full.clone(), company: full }), None, settings, now)
}

fn recorded(record: &SessionRecord, now: DateTime<Utc>) -> SessionView {
    let will_dial = record.desired == Desired::Online && !record.state.is_final();
    let state = match (will_dial, record.state.is_final()) {
        (true, _) => SessionState::Connecting,
        (false, true) => record.state,
        (false, false) => SessionState::Idle,
    };
    SessionView {
        state,
        since: if will_dial { now } else { record.since },
        reason: if will_dial { None } else { record.reason },
        retry_at: record.not_before,
        action: will_dial.then_some(NextStep::Wait),
        own: record.own.clone(),
        ..SessionView::at_rest(now)
    }
}

/// Until when an actor is down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outage {
    /// It is started again then.
    Until(DateTime<Utc>),
    /// A person has to act.
    Parked(StateReason),
}

/// The session's picture while its actor is down: never `Online`, no codes, and of limits nothing is known.
pub(crate) fn session_down(last: &SessionView, outage: Outage, now: DateTime<Utc>) -> SessionView {
    let (state, reason, retry_at, action) = match outage {
        Outage::Until(due) => (SessionState::Backoff, None, Some(due), NextStep::Wait),
        Outage::Parked(reason) => (SessionState::Parked, Some(reason), None, NextStep::ContactSupport),
    };
    SessionView {
        state,
        since: now,
        reason,
        retry_at,
        action: Some(action),
        qr: None,
        pairing: None,
        passkey: None,
        limits: Limits::default(),
        calm: None,
        ..last.clone()
    }
}

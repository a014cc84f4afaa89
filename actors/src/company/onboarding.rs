//! The way from redirect to active: what a registration changes, and which steps were taken since. Pure.

use chrono::{DateTime, TimeDelta, Utc};

use crate::events::FunnelStep;
use crate::ports::{Installation, SalonInfo};
use crate::records::{CompanyRecord, EventKind, EventRecord, IntegrationStatus, MarketplaceUser};
use crate::settings::FleetSettings;

/// A checked redirect of YClients.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Visit {
    /// The window counts from here.
    pub registered_at: DateTime<Utc>,
    /// How YClients sees the installation.
    pub installation: Installation,
    /// Who came. All fields empty when YClients did not say.
    pub user: MarketplaceUser,
    /// Salon's name, from the owner's signed data.
    pub title: Option<String>,
    /// The salon, when YClients told.
    pub salon: Option<SalonInfo>,
}

/// What a visit makes of a company that exists.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Welcome {
    /// The record to commit.
    pub record: CompanyRecord,
    /// YClients is active already, we are not: the status may spare us the call.
    pub ask_first: bool,
}

/// Decides what a registration of an existing company changes.
pub(crate) fn welcome(record: &CompanyRecord, visit: &Visit) -> Welcome {
    let active_there = visit.installation == Installation::Active;
    let was_active = record.connected_at.is_some();
    let status = match record.integration_status {
        IntegrationStatus::Active | IntegrationStatus::Frozen if active_there && was_active => IntegrationStatus::Active,
        IntegrationStatus::Activating => IntegrationStatus::Activating,
        IntegrationStatus::Pending
        | IntegrationStatus::PendingWhatsapp
        | IntegrationStatus::Active
        | IntegrationStatus::ActivationFailed
        | IntegrationStatus::Frozen
        | IntegrationStatus::Uninstalled => IntegrationStatus::Pending,
    };
    let mut next = described(record, visit);
    next.integration_status = status;
    next.registered_at = visit.registered_at;
    if status != IntegrationStatus::Active {
        next.connected_at = None;
    }
    Welcome { record: next, ask_first: active_there && status != IntegrationStatus::Active }
}

/// The record with what the visit tells about owner and salon. What it does not tell stays.
pub(crate) fn described(record: &CompanyRecord, visit: &Visit) -> CompanyRecord {
    let mut next = record.clone();
    let salon = visit.salon.as_ref();
    let title = salon.and_then(|salon| salon.title.clone()).or_else(|| visit.title.clone());
    next.title = title.or(next.title);
    next.phone = salon.and_then(|salon| salon.phone.clone()).or_else(|| visit.user.phone.clone()).or(next.phone);
    next.email = visit.user.email.clone().or(next.email);
    next.address = salon.and_then(|salon| salon.address.clone()).or(next.address);
    if let Some(timezone) = salon.and_then(|salon| salon.timezone.clone()) {
        next.timezone = timezone;
    }
    if let Some(salon) = salon {
        next.raw_salon = salon.raw.clone();
    }
    if visit.user != MarketplaceUser::default() {
        next.marketplace_user = visit.user.clone();
    }
    next.updated_at = next.updated_at.max(visit.registered_at);
    next
}

/// When the activation window of this registration closes.
pub(crate) fn window_ends(registered_at: DateTime<Utc>, settings: &FleetSettings) -> DateTime<Utc> {
    let window = TimeDelta::from_std(settings.activation_window).unwrap_or(TimeDelta::MAX);
    registered_at.checked_add_signed(window).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// Steps taken since the latest registration; each counts once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Funnel {
    taken: Vec<FunnelStep>,
}

impl Funnel {
    /// Restores the steps from the timeline, newest first.
    pub(crate) fn of(timeline: &[EventRecord]) -> Self {
        let mut funnel = Self::default();
        for event in timeline {
            if let Some(step) = step_of(event.kind) {
                funnel.first(step);
            }
            if event.kind == EventKind::RegistrationStarted {
                break;
            }
        }
        funnel
    }

    /// Takes a step; tells if it is the first time.
    pub(crate) fn first(&mut self, step: FunnelStep) -> bool {
        let first = !self.taken.contains(&step);
        if first {
            self.taken.push(step);
        }
        first
    }
}

fn step_of(kind: EventKind) -> Option<FunnelStep> {
    match kind {
        EventKind::RegistrationStarted => Some(FunnelStep::Redirected),
        EventKind::PageOpened => Some(FunnelStep::PageOpened),
        EventKind::QrShown => Some(FunnelStep::QrShown),
        EventKind::WhatsappPaired => Some(FunnelStep::Paired),
        EventKind::WhatsappConnected => Some(FunnelStep::Online),
        EventKind::IntegrationActivated => Some(FunnelStep::Active),
        EventKind::PairingCodeShown
        | EventKind::ActivationFailed
        | EventKind::SessionEnded
        | EventKind::Frozen
        | EventKind::Unfrozen
        | EventKind::Uninstalled
        | EventKind::UnknownWebhook
        | EventKind::WebhookContradicted
        | EventKind::WebhookDead
        | EventKind::WebhookSecretRotated
        | EventKind::ClientKeyIssued
        | EventKind::SalonErased => None,
    }
}

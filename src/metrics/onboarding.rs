//! From *Connect* to *active*: the funnel, its times, the activation.

use std::time::Duration;

use frontdesk_actors::events::{ActivationResult, FunnelStep};

use super::catalog::{LONG_SECONDS, Metric, SECONDS};

const FUNNEL: Metric = Metric::counter("frontdesk_onboarding_steps_total", "Onboarding steps reached, once per registration");
const FIRST_QR: Metric = Metric::histogram("frontdesk_onboarding_first_qr_seconds", SECONDS, "From the wish for a code to the first code");
const SCAN_TO_ONLINE: Metric =
    Metric::histogram("frontdesk_onboarding_scan_to_online_seconds", LONG_SECONDS, "From the phone's consent to the open session");
const CALLS: Metric = Metric::counter("frontdesk_activation_calls_total", "Activation calls to YClients, by result");
const CALL_SECONDS: Metric = Metric::histogram("frontdesk_activation_call_seconds", SECONDS, "Duration of an activation call");
const ENDED: Metric = Metric::counter("frontdesk_activations_ended_total", "Activations ended, by result");

pub(super) const ALL: &[Metric] = &[FUNNEL, FIRST_QR, SCAN_TO_ONLINE, CALLS, CALL_SECONDS, ENDED];

const STEPS: [FunnelStep; 6] =
    [FunnelStep::Redirected, FunnelStep::PageOpened, FunnelStep::QrShown, FunnelStep::Paired, FunnelStep::Online, FunnelStep::Active];

const RESULTS: [ActivationResult; 5] = [
    ActivationResult::Success,
    ActivationResult::AlreadyActive,
    ActivationResult::StatusAsked,
    ActivationResult::Retry,
    ActivationResult::Refused,
];

pub(super) fn begin() {
    for step in STEPS {
        FUNNEL.add_with(&[("step", step_name(step))], 0);
    }
    for result in RESULTS {
        CALLS.add_with(&[("result", result_name(result))], 0);
    }
    for result in ["active", "failed"] {
        ENDED.add_with(&[("result", result)], 0);
    }
}

pub(super) fn step(step: FunnelStep) {
    FUNNEL.count_with(&[("step", step_name(step))]);
}

pub(super) fn first_qr(after: Duration) {
    FIRST_QR.observe(after);
}

pub(super) fn scan_to_online(after: Duration) {
    SCAN_TO_ONLINE.observe(after);
}

pub(super) fn activation_called(result: ActivationResult, took: Duration) {
    CALLS.count_with(&[("result", result_name(result))]);
    CALL_SECONDS.observe(took);
}

pub(super) fn activation_ended(active: bool) {
    ENDED.count_with(&[("result", if active { "active" } else { "failed" })]);
}

fn step_name(step: FunnelStep) -> &'static str {
    match step {
        FunnelStep::Redirected => "redirected",
        FunnelStep::PageOpened => "page_opened",
        FunnelStep::QrShown => "qr_shown",
        FunnelStep::Paired => "paired",
        FunnelStep::Online => "online",
        FunnelStep::Active => "active",
    }
}

fn result_name(result: ActivationResult) -> &'static str {
    match result {
        ActivationResult::Success => "success",
        ActivationResult::AlreadyActive => "already_active",
        ActivationResult::StatusAsked => "status_asked",
        ActivationResult::Retry => "retry",
        ActivationResult::Refused => "refused",
    }
}

//! Ways to link besides the plain scan, and what goes wrong there.

use frontdesk_actors::events::PasskeyStep;
use frontdesk_actors::ports::PasskeyFailure;

use super::catalog::Metric;

const PASSKEY: Metric = Metric::counter("frontdesk_onboarding_passkey_steps_total", "Steps of linking with a passkey, by step");
const REFUSED: Metric =
    Metric::counter("frontdesk_onboarding_pairings_refused_total", "Links that did not come about after the phone's consent");
const CODES_FAILED: Metric =
    Metric::counter("frontdesk_onboarding_pairing_codes_failed_total", "Pairing codes that WhatsApp did not give, by reason");

pub(super) const ALL: &[Metric] = &[PASSKEY, REFUSED, CODES_FAILED];

const STEPS: [PasskeyStep; 6] = [
    PasskeyStep::Requested,
    PasskeyStep::Answered,
    PasskeyStep::Confirmed,
    PasskeyStep::Failed(PasskeyFailure::Refused),
    PasskeyStep::Failed(PasskeyFailure::Broken),
    PasskeyStep::Failed(PasskeyFailure::TimedOut),
];

pub(super) fn begin() {
    for step in STEPS {
        PASSKEY.add_with(&[("step", step_name(step))], 0);
    }
    REFUSED.appear();
    for throttled in [true, false] {
        CODES_FAILED.add_with(&[("reason", reason(throttled))], 0);
    }
}

pub(super) fn passkey(step: PasskeyStep) {
    PASSKEY.count_with(&[("step", step_name(step))]);
}

pub(super) fn refused() {
    REFUSED.count();
}

pub(super) fn code_failed(throttled: bool) {
    CODES_FAILED.count_with(&[("reason", reason(throttled))]);
}

fn reason(throttled: bool) -> &'static str {
    if throttled { "too_often" } else { "refused" }
}

fn step_name(step: PasskeyStep) -> &'static str {
    match step {
        PasskeyStep::Requested => "requested",
        PasskeyStep::Answered => "answered",
        PasskeyStep::Confirmed => "confirmed",
        PasskeyStep::Failed(PasskeyFailure::Refused) => "refused",
        PasskeyStep::Failed(PasskeyFailure::Broken) => "broken",
        PasskeyStep::Failed(PasskeyFailure::TimedOut) => "timed_out",
    }
}

//! Every word of the pages. A language is one file; what a page may need is a field or a `match` here, so that a language with
//! a hole does not compile.

use std::collections::BTreeMap;

use frontdesk_actors::view::{NextStep, SessionState, StateReason};
use serde::Serialize;

use super::{Language, PageError};

mod en;
mod ru;

/// A heading and what to say under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Text {
    pub(super) title: &'static str,
    pub(super) text: &'static str,
}

/// Words of the frame around every page.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) product: &'static str,
    pub(super) skip: &'static str,
    pub(super) language_label: &'static str,
    pub(super) footer: &'static str,
    pub(super) request_id: &'static str,
    pub(super) to_yclients: &'static str,
    pub(super) back_to_yclients: &'static str,
    pub(super) to_start: &'static str,
}

/// Words of the landing page.
#[derive(Debug)]
pub(super) struct Landing {
    pub(super) title: &'static str,
    pub(super) lead: &'static str,
    pub(super) does_title: &'static str,
    pub(super) does: [Text; 4],
    pub(super) how_title: &'static str,
    pub(super) how: [Text; 3],
    pub(super) needs_title: &'static str,
    pub(super) needs: [&'static str; 3],
    pub(super) action: &'static str,
}

/// Words of the onboarding page that are there from the start.
#[derive(Debug)]
pub(super) struct Onboarding {
    pub(super) title: &'static str,
    pub(super) salon: &'static str,
    pub(super) steps_label: &'static str,
    pub(super) steps: [&'static str; 3],
    pub(super) qr_alt: &'static str,
    pub(super) qr_preparing: &'static str,
    pub(super) scan_title: &'static str,
    pub(super) scan: [&'static str; 3],
    pub(super) pair_title: &'static str,
    pub(super) pair_hint: &'static str,
    pub(super) phone_label: &'static str,
    pub(super) phone_hint: &'static str,
    pub(super) phone_submit: &'static str,
    pub(super) code_label: &'static str,
    pub(super) copy: &'static str,
    pub(super) code_title: &'static str,
    pub(super) code: [&'static str; 4],
    pub(super) cancel_code: &'static str,
    pub(super) request_qr: &'static str,
    pub(super) reconnect: &'static str,
    pub(super) start_over: &'static str,
    pub(super) activation_title: &'static str,
    pub(super) activate: &'static str,
    pub(super) done_title: &'static str,
    pub(super) done_number: &'static str,
    pub(super) done_next_title: &'static str,
    pub(super) done_next: [&'static str; 4],
    pub(super) passkey: PasskeyWords,
    pub(super) limits_title: &'static str,
    pub(super) limits_next: &'static str,
    pub(super) no_script: &'static str,
    pub(super) refresh: &'static str,
}

/// Words for the passkey step.
#[derive(Debug)]
pub(super) struct PasskeyWords {
    pub(super) why_title: &'static str,
    pub(super) why: &'static str,
    pub(super) ways: [&'static str; 3],
    pub(super) hand_in_title: &'static str,
    pub(super) hand_in_hint: &'static str,
    pub(super) options_label: &'static str,
    pub(super) copy_options: &'static str,
    pub(super) answer_label: &'static str,
    pub(super) submit: &'static str,
    pub(super) checking: &'static str,
    pub(super) code_label: &'static str,
    pub(super) compare: &'static str,
    pub(super) confirm: &'static str,
    pub(super) confirming: &'static str,
    pub(super) cancel: &'static str,
}

/// Words the page's script needs for what changes while the page is open.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Live {
    pub(super) code_left: &'static str,
    pub(super) code_gone: &'static str,
    pub(super) retry_in: &'static str,
    pub(super) until: &'static str,
    pub(super) next_attempt: &'static str,
    pub(super) passkey_left: &'static str,
    pub(super) timelock: &'static str,
    pub(super) capped: &'static str,
    pub(super) cap_warning: &'static str,
    pub(super) unlock_in: &'static str,
    pub(super) days: &'static str,
    pub(super) connection_lost: &'static str,
    pub(super) connection_back: &'static str,
    pub(super) no_longer_live: &'static str,
    pub(super) copied: &'static str,
    pub(super) asking: &'static str,
    pub(super) done_page_title: &'static str,
    pub(super) token_over: Text,
    pub(super) token_bad: Text,
    pub(super) seconds: &'static str,
    pub(super) minutes: &'static str,
    pub(super) hours: &'static str,
}

/// Words for where the activation stands, by the status on the wire.
#[derive(Debug, Serialize)]
pub(super) struct ActivationWords {
    pub(super) waiting: &'static str,
    pub(super) activating: &'static str,
    pub(super) retrying: &'static str,
    pub(super) active: &'static str,
    pub(super) expired: &'static str,
    pub(super) failed: &'static str,
}

/// Words for failed requests, by the code on the wire.
#[derive(Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(super) struct FailureWords {
    pub(super) phone_required: &'static str,
    pub(super) invalid_phone_format: &'static str,
    pub(super) request_in_progress: &'static str,
    pub(super) pairing_code_failed: &'static str,
    pub(super) too_many_codes: &'static str,
    pub(super) passkey_not_expected: &'static str,
    pub(super) passkey_invalid: &'static str,
    pub(super) passkey_wrong_site: &'static str,
    pub(super) passkey_outdated: &'static str,
    pub(super) already_connected: &'static str,
    pub(super) not_allowed: &'static str,
    pub(super) busy: &'static str,
    pub(super) unavailable: &'static str,
    pub(super) no_connection: &'static str,
    pub(super) registration_expired: &'static str,
    pub(super) not_connected: &'static str,
}

/// One language.
pub(super) struct Words {
    pub(super) frame: Frame,
    pub(super) landing: Landing,
    pub(super) onboarding: Onboarding,
    pub(super) live: Live,
    pub(super) activation: ActivationWords,
    pub(super) failures: FailureWords,
    pub(super) state: fn(SessionState) -> Text,
    pub(super) reason: fn(StateReason) -> &'static str,
    pub(super) action: fn(NextStep) -> &'static str,
    pub(super) error: fn(PageError) -> Text,
}

/// The words of this language.
pub(super) fn of(language: Language) -> &'static Words {
    match language {
        Language::Ru => &ru::WORDS,
        Language::En => &en::WORDS,
    }
}

/// Every next step a person can have.
pub(super) const ACTIONS: [NextStep; 10] = [
    NextStep::ScanQr,
    NextStep::EnterCode,
    NextStep::RequestQr,
    NextStep::UsePairingCode,
    NextStep::UsePasskey,
    NextStep::CompareCodes,
    NextStep::Wait,
    NextStep::Reconnect,
    NextStep::StartOver,
    NextStep::ContactSupport,
];

/// The dictionary of the page's script.
#[derive(Serialize)]
struct ScriptWords<'a> {
    live: &'a Live,
    checking: &'static str,
    confirming: &'static str,
    states: BTreeMap<String, Text>,
    reasons: BTreeMap<String, &'static str>,
    actions: BTreeMap<String, &'static str>,
    activation: &'a ActivationWords,
    failures: &'a FailureWords,
}

/// What the page's script reads from its data attribute, as JSON.
pub(super) fn for_script(words: &Words) -> String {
    let dictionary = ScriptWords {
        live: &words.live,
        checking: words.onboarding.passkey.checking,
        confirming: words.onboarding.passkey.confirming,
        states: SessionState::ALL.into_iter().map(|state| (wire_name(state), (words.state)(state))).collect(),
        reasons: StateReason::ALL.into_iter().map(|reason| (wire_name(reason), (words.reason)(reason))).collect(),
        actions: ACTIONS.into_iter().map(|action| (wire_name(action), (words.action)(action))).collect(),
        activation: &words.activation,
        failures: &words.failures,
    };
    serde_json::to_string(&dictionary).expect("words are plain texts")
}

/// The name of a unit variant as in JSON.
pub(super) fn wire_name(value: impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        other => unreachable!("unit variants serialise to their names, not to {other:?}"),
    }
}

#[cfg(test)]
mod tests;

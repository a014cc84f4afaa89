//! The onboarding page: what a view looks like at first sight. From then on `assets/onboarding.js` keeps it true, by the same rules.

use askama::Template;
use chrono::{DateTime, Utc};
use frontdesk_actors::view::{
    ActivationView, CapLevel, CompanyView, NextStep, PasskeyStage, PasskeyView, SessionState, SessionView, StateReason,
};
use serde_json::json;

use super::wire::{LimitsWire, PasskeyWire};
use super::words::{self, Text, Words};
use super::{HOME, Language, LanguageLinks, YCLIENTS, qr};

/// A salon's name longer than this is cut: it is a caption, and it is whatever somebody typed.
const MAX_TITLE_CHARS: usize = 80;

/// Everything the template shows; it decides nothing.
#[derive(Template)]
#[template(path = "onboarding.html", config = "src/web/askama.toml")]
struct Page<'a> {
    language: Language,
    words: &'static Words,
    languages: LanguageLinks,
    home: &'static str,
    yclients: &'static str,
    token: &'a str,
    session_id: String,
    title: Option<String>,
    steps: [StepView; 3],
    state: Text,
    reason: &'static str,
    action: &'static str,
    qr: Option<String>,
    pairing: PairingWords,
    passkey: PasskeyShown,
    limits: String,
    phone: String,
    activation: &'static str,
    shows: Shows,
    initial: String,
    script_words: String,
}

struct StepView {
    number: usize,
    label: &'static str,
    /// `past`, `now` or `next`.
    class: &'static str,
}

#[derive(Default)]
struct PairingWords {
    code: String,
    phone: String,
}

#[derive(Default)]
struct PasskeyShown {
    code: String,
    wait: &'static str,
}

/// Which parts are visible before the script runs; buttons that need it are not.
struct Shows {
    done: bool,
    qr: bool,
    code: bool,
    passkey: bool,
    passkey_ask: bool,
    passkey_compare: bool,
    start_over: bool,
    activation: bool,
    activation_over: bool,
}

impl Shows {
    fn of(view: &CompanyView) -> Self {
        let session = &view.session;
        let refused = matches!(view.activation, ActivationView::Expired { .. } | ActivationView::Failed);
        let stage = session.passkey.as_ref().map(|passkey| passkey.stage);
        let running = matches!(view.activation, ActivationView::Activating | ActivationView::Retrying { .. });
        Self {
            done: view.connected() && view.activation == ActivationView::Active,
            qr: awaits_qr(session),
            code: session.state == SessionState::AwaitingCode,
            passkey: session.passkey.is_some(),
            passkey_ask: stage == Some(PasskeyStage::Requested),
            passkey_compare: stage == Some(PasskeyStage::Comparing),
            start_over: session.action == Some(NextStep::StartOver),
            activation: running || refused,
            activation_over: refused,
        }
    }
}

/// The page at `now`.
pub(super) fn render(language: Language, token: &str, view: &CompanyView, now: DateTime<Utc>) -> String {
    let words = words::of(language);
    let session = &view.session;
    let waking = is_waking(session);
    let live = |expires_at| expires_at > now;
    let pairing = session.pairing.as_ref().filter(|pairing| live(pairing.expires_at));
    let page = Page {
        language,
        words,
        languages: links(token, view, language),
        home: HOME,
        yclients: YCLIENTS,
        token,
        session_id: view.session_id().to_string(),
        title: view.title.as_deref().map(caption).filter(|title| !title.is_empty()),
        steps: steps(words, view),
        state: (words.state)(if waking { SessionState::Connecting } else { session.state }),
        reason: session.reason.filter(|_| !waking).map_or("", words.reason),
        action: session.action.filter(|_| !waking).map_or("", words.action),
        qr: session.qr.as_ref().filter(|qr| live(qr.expires_at)).map(|code| qr::svg_data_url(code.text.expose())),
        pairing: pairing.map_or_else(PairingWords::default, |pairing| PairingWords {
            code: pairing.code.expose().to_owned(),
            phone: pairing.phone.e164(),
        }),
        passkey: session.passkey.as_ref().map_or_else(PasskeyShown::default, |passkey| passkey_shown(words, passkey)),
        limits: limits_text(words, session),
        phone: session.own.as_ref().map(|own| own.phone.e164()).unwrap_or_default(),
        activation: activation_text(words, view.activation),
        shows: Shows::of(view),
        initial: initial(view, now),
        script_words: words::for_script(words),
    };
    page.render().expect("a template over strings cannot fail")
}

fn passkey_shown(words: &Words, passkey: &PasskeyView) -> PasskeyShown {
    let wait = match passkey.stage {
        PasskeyStage::Requested | PasskeyStage::Comparing => "",
        PasskeyStage::Checking => words.onboarding.passkey.checking,
        PasskeyStage::Confirming => words.onboarding.passkey.confirming,
    };
    let code = passkey.code.as_ref().map(|code| code.expose().to_owned()).unwrap_or_default();
    PasskeyShown { code, wait }
}

/// How WhatsApp limits the account; nothing while it is not online, because other things matter then.
fn limits_text(words: &Words, session: &SessionView) -> String {
    let limits = &session.limits;
    if session.state != SessionState::Online {
        return String::new();
    }
    let count = |count: Option<u64>| count.map_or_else(|| "—".to_owned(), |count| count.to_string());
    let cap = limits.cap.filter(|cap| cap.level != CapLevel::None).map(|cap| {
        let text = if cap.level == CapLevel::Capped { words.live.capped } else { words.live.cap_warning };
        text.replace("{used}", &count(cap.used)).replace("{total}", &count(cap.total))
    });
    let lock = limits.timelock.map(|_| words.live.timelock.to_owned());
    lock.into_iter().chain(cap).collect::<Vec<_>>().join(" ")
}

/// At rest for no other reason than that nobody looked: this visit starts it, so the page doesn't call it stopped.
fn is_waking(session: &SessionView) -> bool {
    let untouched = matches!(session.reason, None | Some(StateReason::OwnerLeft));
    session.state == SessionState::Idle && session.own.is_none() && untouched
}

/// A code is there or on its way.
fn awaits_qr(session: &SessionView) -> bool {
    let dialling = session.state == SessionState::Connecting && session.own.is_none();
    session.state == SessionState::AwaitingScan || dialling || is_waking(session)
}

/// Names are shown as typed, but without control characters and marks that turn the direction of what follows.
fn caption(title: &str) -> String {
    let harmless = |c: &char| !c.is_control() && !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let mut characters = title.trim().chars().filter(harmless);
    let mut caption: String = characters.by_ref().take(MAX_TITLE_CHARS).collect();
    if characters.next().is_some() {
        caption.push('…');
    }
    caption
}

fn steps(words: &Words, view: &CompanyView) -> [StepView; 3] {
    let current = current_step(view);
    let mut number = 0;
    words.onboarding.steps.map(|label| {
        number += 1;
        let class = match number.cmp(&current) {
            std::cmp::Ordering::Less => "past",
            std::cmp::Ordering::Equal => "now",
            std::cmp::Ordering::Greater => "next",
        };
        StepView { number, label, class }
    })
}

/// 1 while a code is wanted, 2 while the phone connects, 3 while YClients is told, 4 when all is done.
fn current_step(view: &CompanyView) -> usize {
    let linked = view.session.own.is_some();
    match (view.session.state, view.activation) {
        (SessionState::Online, ActivationView::Active) => 4,
        (SessionState::Online, _) => 3,
        (SessionState::Pairing, _) => 2,
        (SessionState::LoggedOut, _) => 1,
        _ if linked => 2,
        _ => 1,
    }
}

fn activation_text(words: &Words, activation: ActivationView) -> &'static str {
    match activation {
        ActivationView::Waiting => words.activation.waiting,
        ActivationView::Activating => words.activation.activating,
        ActivationView::Retrying { .. } => words.activation.retrying,
        ActivationView::Active => words.activation.active,
        ActivationView::Expired { .. } => words.activation.expired,
        ActivationView::Failed => words.activation.failed,
    }
}

/// What the script starts from, so that it needs no answer before it can count down. The codes themselves are in the page.
fn initial(view: &CompanyView, now: DateTime<Utc>) -> String {
    let session = &view.session;
    let left = |moment: DateTime<Utc>| (moment - now).num_milliseconds().max(0);
    let status = wire_name_of(view.activation);
    let next_attempt_at = match view.activation {
        ActivationView::Retrying { next_attempt_at } => Some(next_attempt_at),
        _ => None,
    };
    json!({
        "now": now,
        "state": {
            "state": session.state,
            "reason": session.reason,
            "action": session.action,
            "retryAt": session.retry_at,
            "limits": LimitsWire::from(&session.limits),
        },
        "passkey": session.passkey.as_ref().and_then(|passkey| PasskeyWire::of(passkey, now)),
        "qrLeftMs": session.qr.as_ref().map(|qr| left(qr.expires_at)),
        "codeLeftMs": session.pairing.as_ref().map(|pairing| left(pairing.expires_at)),
        "linked": session.own.is_some() && session.state != SessionState::LoggedOut,
        "activation": { "status": status, "nextAttemptAt": next_attempt_at },
    })
    .to_string()
}

fn wire_name_of(activation: ActivationView) -> String {
    let value = serde_json::to_value(activation).unwrap_or_default();
    value["status"].as_str().unwrap_or_default().to_owned()
}

/// The same page in each language. `company` and `salon` are what the connect page asks for; the onboarding page ignores them.
fn links(token: &str, view: &CompanyView, language: Language) -> LanguageLinks {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    query.append_pair("token", token);
    query.append_pair("company", &view.company_id.to_string());
    query.append_pair("salon", &view.salon_id.to_string());
    LanguageLinks::of(&query.finish(), language)
}

use chrono::Duration;
use frontdesk_actors::ids::{OwnIdentity, SalonId, Secret};
use frontdesk_actors::records::IntegrationStatus;
use frontdesk_actors::view::{CapLevel, Limits, NewChatCap, RestartsView, SessionView, Timelock};
use serde_json::{Value, json};

use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn view(state: SessionState) -> CompanyView {
    CompanyView {
        company_id: CompanyId::try_from(7).unwrap(),
        salon_id: SalonId::try_from(123).unwrap(),
        title: None,
        integration: IntegrationStatus::Pending,
        session: SessionView { state, ..SessionView::at_rest(now()) },
        activation: ActivationView::Waiting,
        connected_at: None,
        restarts: RestartsView::default(),
    }
}

fn with_qr(attempt: u32, left: Duration) -> CompanyView {
    let mut view = view(SessionState::AwaitingScan);
    view.session.qr = Some(QrView { text: Secret::new(format!("2@{attempt}")), attempt, expires_at: now() + left });
    view
}

fn with_code() -> CompanyView {
    let mut view = view(SessionState::AwaitingCode);
    let expires_at = now() + Duration::milliseconds(49_001);
    let phone = "+79161234567".parse().unwrap();
    view.session.pairing = Some(PairingView { code: Secret::new("ABCD-1234"), phone, expires_at });
    view
}

fn with_passkey(stage: PasskeyStage) -> CompanyView {
    let mut view = view(SessionState::AwaitingPasskey);
    view.session.passkey = Some(PasskeyView {
        stage,
        options: Secret::new(r#"{"challenge":"AAECAw"}"#),
        code: matches!(stage, PasskeyStage::Comparing | PasskeyStage::Confirming).then(|| Secret::new("WXYZ-1234")),
        expires_at: now() + Duration::seconds(99),
    });
    view
}

fn online(activation: ActivationView) -> CompanyView {
    let mut view = view(SessionState::Online);
    view.session.own = Some(OwnIdentity { phone: "+79161234567".parse().unwrap(), lid: None });
    view.activation = activation;
    view
}

fn names(old: Option<&CompanyView>, new: &CompanyView) -> Vec<&'static str> {
    diff(old, new, now()).iter().map(Emission::event).collect()
}

fn payload(event: &str, old: Option<&CompanyView>, new: &CompanyView) -> Value {
    let emissions = diff(old, new, now());
    let found = emissions.iter().find(|emission| emission.event() == event).unwrap_or_else(|| panic!("no {event}"));
    serde_json::to_value(found).unwrap()
}

#[test]
fn a_late_joiner_hears_the_state_first_and_then_all_that_belongs_to_it() {
    let table = [
        (view(SessionState::Idle), vec!["session-state", "activation"]),
        (with_qr(1, Duration::seconds(20)), vec!["session-state", "qr-update", "activation"]),
        (with_code(), vec!["session-state", "pairing-code", "activation"]),
        (with_passkey(PasskeyStage::Requested), vec!["session-state", "passkey-request", "activation"]),
        (with_passkey(PasskeyStage::Comparing), vec!["session-state", "passkey-confirmation", "activation"]),
        (online(ActivationView::Activating), vec!["session-state", "whatsapp-connected", "activation"]),
    ];
    for (view, expected) in table {
        assert_eq!(names(None, &view), expected);
    }
}

#[test]
fn whoever_knows_all_hears_nothing_and_else_only_what_changed() {
    let first = with_qr(1, Duration::seconds(60));
    let mut titled = first.clone();
    titled.title = Some("Salon".to_owned());
    titled.session.rounds_used = 1;
    let second = with_qr(2, Duration::seconds(20));
    let done = online(ActivationView::Active);
    let table: [(&CompanyView, &CompanyView, &[&str]); 9] = [
        (&first, &first, &[]),
        (&first, &titled, &[]),
        (&first, &second, &["qr-update"]),
        (&view(SessionState::Connecting), &first, &["session-state", "qr-update"]),
        (&second, &view(SessionState::Pairing), &["session-state"]),
        (&second, &with_code(), &["session-state", "pairing-code"]),
        (&view(SessionState::Pairing), &online(ActivationView::Waiting), &["session-state", "whatsapp-connected"]),
        (&online(ActivationView::Activating), &done, &["activation"]),
        (&done, &view(SessionState::LoggedOut), &["session-state", "activation"]),
    ];
    for (old, new, expected) in table {
        assert_eq!(names(Some(old), new), expected);
    }
}

#[test]
fn the_passkey_step_has_an_event_per_step_and_its_failures_have_codes() {
    use PasskeyStage::{Checking, Comparing, Confirming, Requested};
    let steps = [
        (with_passkey(Requested), with_passkey(Checking), "passkey-request"),
        (with_passkey(Checking), with_passkey(Comparing), "passkey-confirmation"),
        (with_passkey(Comparing), with_passkey(Confirming), "passkey-confirmation"),
    ];
    for (old, new, event) in steps {
        assert_eq!(names(Some(&old), &new), [event]);
    }
    let asked = payload("passkey-request", None, &with_passkey(Requested));
    let expected = json!({
        "stage": "requested", "options": {"challenge": "AAECAw"}, "origin": "https://web.whatsapp.com", "expiresIn": 99,
    });
    assert_eq!(asked, expected);
    let checking = payload("passkey-request", None, &with_passkey(Checking));
    assert_eq!(checking.get("options"), None, "nothing more to answer");
    let code = payload("passkey-confirmation", None, &with_passkey(Comparing));
    assert_eq!((&code["stage"], &code["code"]), (&json!("comparing"), &json!("WXYZ-1234")));
    for (reason, code) in [
        (StateReason::PasskeyRefused, "PASSKEY_REFUSED"),
        (StateReason::PasskeyBroken, "PASSKEY_BROKEN"),
        (StateReason::PasskeyTimedOut, "PASSKEY_TIMED_OUT"),
    ] {
        let mut failed = view(SessionState::Connecting);
        failed.session.reason = Some(reason);
        assert_eq!(payload("passkey-error", Some(&with_passkey(Checking)), &failed)["code"], code);
        assert!(!names(None, &failed).contains(&"passkey-error"), "a late joiner reads the reason");
        let mut later = failed.clone();
        later.session.state = SessionState::AwaitingScan;
        assert!(!names(Some(&failed), &later).contains(&"passkey-error"), "said once");
    }
}

#[test]
fn limits_are_part_of_the_state_while_there_are_any() {
    let free = online(ActivationView::Active);
    let mut asked = free.clone();
    asked.session.limits.known = true;
    assert_eq!(names(Some(&free), &asked), [""; 0], "that nothing limits the account is no news");
    let mut limited = asked.clone();
    limited.session.limits = Limits {
        known: true,
        timelock: Some(Timelock { ends_at: Some(now() + Duration::hours(1)) }),
        cap: Some(NewChatCap { level: CapLevel::FirstWarning, used: Some(3), total: Some(5), renews_at: None }),
    };
    assert_eq!(names(Some(&asked), &limited), ["session-state"]);
    let expected = json!({
        "known": true, "cold_sends_stopped": true, "unlock_at": "2026-09-21T15:13:20Z", "timelock": true,
        "cap": {"level": "first_warning", "used": 3, "total": 5, "renews_at": null},
    });
    assert_eq!(payload("session-state", None, &limited)["limits"], expected);
    assert_eq!(payload("session-state", Some(&limited), &asked).get("limits"), None, "over");
}

#[test]
fn a_link_that_comes_back_is_announced_again() {
    let mut lost = online(ActivationView::Active);
    lost.session.state = SessionState::Backoff;
    assert_eq!(names(Some(&online(ActivationView::Active)), &lost), ["session-state"]);
    assert_eq!(names(Some(&lost), &online(ActivationView::Active)), ["session-state", "whatsapp-connected"]);
}

#[test]
fn connected_is_never_said_while_pairing_although_the_number_is_known() {
    let mut pairing = online(ActivationView::Waiting);
    pairing.session.state = SessionState::Pairing;
    assert_eq!(names(None, &pairing), ["session-state", "activation"]);
}

#[test]
fn a_code_that_ran_out_is_not_shown_and_seconds_left_are_the_servers() {
    for (left, expected) in [(20_000, Some(20)), (19_001, Some(20)), (1, Some(1)), (0, None), (-5_000, None)] {
        let view = with_qr(1, Duration::milliseconds(left));
        let qr = diff(None, &view, now()).into_iter().find_map(|emission| match emission {
            Emission::Qr(qr) => Some(qr.expires_in),
            _ => None,
        });
        assert_eq!(qr, expected, "{left} ms");
    }
}

#[test]
fn payloads_have_the_fields_of_the_specification() {
    let mut lost = view(SessionState::Backoff);
    lost.session.reason = Some(StateReason::NetworkLost);
    lost.session.retry_at = Some(now() + Duration::seconds(5));
    lost.session.action = Some(NextStep::Wait);
    let expected = json!({
        "state": "Backoff", "since": "2026-09-21T14:13:20Z", "reason": "network_lost", "retryAt": "2026-09-21T14:13:25Z", "action": "wait",
    });
    assert_eq!(payload("session-state", None, &lost), expected);
    let bare = payload("session-state", None, &view(SessionState::Idle));
    assert_eq!(bare, json!({"state": "Idle", "since": "2026-09-21T14:13:20Z"}));

    let mut qr = payload("qr-update", None, &with_qr(3, Duration::seconds(20)));
    let image = qr.as_object_mut().and_then(|fields| fields.remove("image")).unwrap();
    assert!(image.as_str().is_some_and(|image| image.starts_with("data:image/svg+xml,")));
    assert_eq!(qr, json!({"qr": "2@3", "expiresIn": 20, "attempt": 3}));

    let expected = json!({"code": "ABCD-1234", "phoneNumber": "+79161234567", "expiresIn": 50});
    assert_eq!(payload("pairing-code", None, &with_code()), expected);

    let mut expected = json!({"success": true, "phone": "+79161234567", "companyId": 7, "sessionId": "company_123"});
    expected["message"] = json!("WhatsApp is connected");
    assert_eq!(payload("whatsapp-connected", None, &online(ActivationView::Active)), expected);
}

#[test]
fn every_activation_has_a_status_and_words_and_a_retry_its_time() {
    let next = now() + Duration::seconds(4);
    let table = [
        (ActivationView::Waiting, "waiting", None, None),
        (ActivationView::Activating, "activating", None, None),
        (ActivationView::Retrying { next_attempt_at: next }, "retrying", Some(json!("2026-09-21T14:13:24Z")), None),
        (ActivationView::Active, "active", None, None),
        (ActivationView::Expired { minutes_ago: 4 }, "expired", None, Some(json!(4))),
        (ActivationView::Failed, "failed", None, None),
    ];
    for (activation, status, next_attempt_at, minutes) in table {
        let payload = payload("activation", None, &online(activation));
        assert_eq!((&payload["status"], payload.get("nextAttemptAt")), (&json!(status), next_attempt_at.as_ref()));
        assert_eq!(payload.get("expiredMinutesAgo"), minutes.as_ref());
        assert!(payload["message"].as_str().is_some_and(|message| !message.is_empty()));
        assert_eq!(serde_json::to_value(activation).unwrap()["status"], status, "one name everywhere");
    }
}

#[test]
fn debug_output_has_no_code_and_no_number() {
    for view in [with_qr(1, Duration::seconds(9)), with_code(), with_passkey(PasskeyStage::Comparing), online(ActivationView::Active)] {
        let debug = format!("{:?}", diff(None, &view, now()));
        assert!(!debug.contains("2@1") && !debug.contains("ABCD") && !debug.contains("WXYZ") && !debug.contains("7916"), "{debug}");
    }
}

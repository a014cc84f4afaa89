use chrono::{DateTime, Duration, Utc};
use frontdesk_actors::ids::{CompanyId, OwnIdentity, SalonId, Secret};
use frontdesk_actors::records::IntegrationStatus;
use frontdesk_actors::view::{
    ActivationView, CapLevel, CompanyView, Limits, NewChatCap, NextStep, PairingView, PasskeyStage, PasskeyView, QrView, RestartsView,
    SessionState, SessionView, StateReason, Timelock,
};

use super::words::ACTIONS;
use super::*;

fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_790_000_000, 0).unwrap()
}

fn view(state: SessionState) -> CompanyView {
    CompanyView {
        company_id: CompanyId::try_from(7).unwrap(),
        salon_id: SalonId::try_from(123_456).unwrap(),
        title: Some("Салон «Ромашка»".to_owned()),
        integration: IntegrationStatus::PendingWhatsapp,
        session: SessionView { state, ..SessionView::at_rest(now()) },
        activation: ActivationView::Waiting,
        connected_at: None,
        restarts: RestartsView::default(),
    }
}

fn page(view: &CompanyView) -> String {
    onboarding::render(Language::En, "token", view, now())
}

fn escaped(text: &str) -> String {
    text.replace('&', "&#38;").replace('<', "&#60;").replace('>', "&#62;").replace('"', "&#34;").replace('\'', "&#39;")
}

/// Is the element with this id there and not hidden itself?
fn visible(html: &str, id: &str) -> bool {
    let at = html.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no element {id}"));
    let tag = &html[html[..at].rfind('<').unwrap()..at + html[at..].find('>').unwrap()];
    !tag.split_ascii_whitespace().any(|part| part == "hidden")
}

#[test]
fn hostile_names_and_tokens_are_text_and_nothing_else() {
    let names = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "' onfocus='alert(1)",
        "{{ token }}",
        "</title></script><svg/onload=alert(1)>",
    ];
    for name in names {
        let mut view = view(SessionState::Idle);
        view.title = Some(name.to_owned());
        let html = onboarding::render(Language::Ru, name, &view, now());
        assert!(html.contains(&format!("<bdi>{}</bdi>", escaped(name))), "{name}");
        assert!(html.contains(&format!("data-token=\"{}\"", escaped(name))), "{name}");
        assert!(name == "{{ token }}" || !html.contains(name), "{name}");
        assert_eq!(html.matches("<script").count(), 1, "{name}");
    }
    let html = error_page(Language::En, PageError::NotFound, "<b>id</b>");
    assert!(html.contains(&escaped("<b>id</b>")) && !html.contains("<b>"));
}

#[test]
fn long_names_are_cut_and_marks_that_turn_the_page_around_are_dropped() {
    let mut view = view(SessionState::Idle);
    view.title = Some("щ".repeat(10_000));
    let html = page(&view);
    assert!(html.contains(&format!("<bdi>{}…</bdi>", "щ".repeat(80))) && !html.contains(&"щ".repeat(81)));
    view.title = Some(" 💇‍♀️ \u{202e}evil\u{2066}\u{7} שלום ".to_owned());
    assert!(page(&view).contains("<bdi>💇‍♀️ evil שלום</bdi>"));
    view.title = Some(" \u{202e} ".to_owned());
    assert!(!page(&view).contains("<bdi>"), "a name of nothing is no name");
}

#[test]
fn every_state_reason_and_next_step_is_on_the_page_in_words() {
    for language in Language::ALL {
        let words = words::of(language);
        for state in SessionState::ALL {
            let mut view = view(state);
            view.session.reason = Some(StateReason::Stopped);
            let html = onboarding::render(language, "token", &view, now());
            assert!(html.contains(&escaped((words.state)(state).title)), "{state:?}");
        }
        for reason in StateReason::ALL {
            let mut view = view(SessionState::Parked);
            view.session.reason = Some(reason);
            assert!(onboarding::render(language, "token", &view, now()).contains(&escaped((words.reason)(reason))), "{reason:?}");
        }
        for action in ACTIONS {
            let mut view = view(SessionState::Parked);
            view.session.action = Some(action);
            assert!(onboarding::render(language, "token", &view, now()).contains(&escaped((words.action)(action))), "{action:?}");
        }
    }
}

#[test]
fn the_first_sight_shows_the_code_that_is_valid_and_no_other() {
    let mut scan = view(SessionState::AwaitingScan);
    scan.session.qr = Some(QrView { text: Secret::new("2@text"), attempt: 1, expires_at: now() + Duration::seconds(20) });
    let html = page(&scan);
    assert!(html.contains(&escaped(&qr_svg_data_url("2@text"))) && visible(&html, "qr") && visible(&html, "qr-image"));
    assert!(html.contains(&escaped("\"qrLeftMs\":20000")));
    assert!(!html.contains("2@text"), "the text itself is in the picture only");
    if let Some(qr) = &mut scan.session.qr {
        qr.expires_at = now();
    }
    let html = page(&scan);
    assert!(!html.contains("data:image") && visible(&html, "qr-wait") && !visible(&html, "qr-image"));
}

#[test]
fn a_session_that_only_waited_for_this_visit_is_not_called_stopped() {
    for reason in [None, Some(StateReason::OwnerLeft)] {
        let mut idle = view(SessionState::Idle);
        (idle.session.reason, idle.session.action) = (reason, Some(NextStep::RequestQr));
        let html = page(&idle);
        assert!(html.contains("Connecting to WhatsApp") && !visible(&html, "state-action") && visible(&html, "qr-wait"));
    }
    let mut exhausted = view(SessionState::Idle);
    exhausted.session.reason = Some(StateReason::QrExhausted);
    assert!(!visible(&page(&exhausted), "qr"));
}

#[test]
fn the_first_sight_shows_the_pairing_code_and_whose_it_is() {
    let mut code = view(SessionState::AwaitingCode);
    code.session.pairing = Some(PairingView {
        code: Secret::new("ABCD-1234"),
        phone: "+79161234567".parse().unwrap(),
        expires_at: now() + Duration::seconds(50),
    });
    let html = page(&code);
    assert!(visible(&html, "code") && html.contains(">ABCD-1234</output>") && html.contains(">+79161234567</span>"));
}

#[test]
fn the_first_sight_shows_the_passkey_step_and_how_far_it_is() {
    use PasskeyStage::{Checking, Comparing, Confirming, Requested};
    let mut passkey = view(SessionState::AwaitingPasskey);
    for (stage, ask, compare, wait) in
        [(Requested, true, false, false), (Checking, false, false, true), (Comparing, false, true, false), (Confirming, false, false, true)]
    {
        passkey.session.passkey = Some(PasskeyView {
            stage,
            options: Secret::new(r#"{"challenge":"AAECAw"}"#),
            code: (stage == Comparing).then(|| Secret::new("WXYZ-1234")),
            expires_at: now() + Duration::seconds(50),
        });
        let html = page(&passkey);
        let seen = (visible(&html, "passkey-ask"), visible(&html, "passkey-compare"), visible(&html, "passkey-wait"));
        assert_eq!(seen, (ask, compare, wait), "{stage:?}");
        assert!(visible(&html, "passkey") && html.contains(&escaped("\"expiresIn\":50")), "{stage:?}");
        assert_eq!(html.contains(">WXYZ-1234</output>"), stage == Comparing);
    }
    assert!(!visible(&page(&view(SessionState::AwaitingScan)), "passkey"));
}

#[test]
fn limits_of_whatsapp_are_told_beside_success_and_only_while_they_are_there() {
    let mut online = view(SessionState::Online);
    online.activation = ActivationView::Active;
    assert!(!visible(&page(&online), "limits"));
    let cap = |level| Some(NewChatCap { level, used: Some(3), total: Some(5), renews_at: None });
    online.session.limits.cap = cap(CapLevel::None);
    assert!(!visible(&page(&online), "limits"), "a quota far away is nothing to worry about");
    for (timelock, cap, said) in [
        (Some(Timelock { ends_at: None }), None, "write first"),
        (None, cap(CapLevel::SecondWarning), "first to 3 of the 5"),
        (None, cap(CapLevel::Capped), "(3 of 5)"),
    ] {
        online.session.limits = Limits { known: true, timelock, cap };
        let html = page(&online);
        assert!(visible(&html, "limits") && visible(&html, "done") && html.contains(said), "{said}");
    }
    online.session.state = SessionState::Backoff;
    assert!(!visible(&page(&online), "limits"));
}

#[test]
fn success_is_shown_only_when_online_and_active() {
    let table = [
        (SessionState::Online, ActivationView::Active, true),
        (SessionState::Online, ActivationView::Activating, false),
        (SessionState::Online, ActivationView::Waiting, false),
        (SessionState::Backoff, ActivationView::Active, false),
        (SessionState::Deaf, ActivationView::Active, false),
    ];
    for (state, activation, done) in table {
        let mut view = view(state);
        view.activation = activation;
        view.session.own = Some(OwnIdentity { phone: "+79161234567".parse().unwrap(), lid: None });
        let html = page(&view);
        assert_eq!((visible(&html, "done"), visible(&html, "status")), (done, !done), "{state:?} {activation:?}");
    }
}

#[test]
fn an_activation_that_ended_badly_leads_back_to_yclients() {
    for activation in [ActivationView::Expired { minutes_ago: 3 }, ActivationView::Failed] {
        let mut view = view(SessionState::Online);
        view.activation = activation;
        let html = page(&view);
        assert!(visible(&html, "activation") && visible(&html, "activation-over"), "{activation:?}");
    }
    assert!(!visible(&page(&view(SessionState::AwaitingScan)), "activation"));
}

#[test]
fn one_step_is_current_and_it_is_the_right_one() {
    let linked = Some(OwnIdentity { phone: "+79161234567".parse().unwrap(), lid: None });
    let table = [
        (SessionState::AwaitingScan, None, Some(1)),
        (SessionState::Pairing, None, Some(2)),
        (SessionState::Backoff, linked.clone(), Some(2)),
        (SessionState::LoggedOut, linked.clone(), Some(1)),
        (SessionState::Online, linked, Some(3)),
    ];
    for (state, own, expected) in table {
        let mut view = view(state);
        view.session.own = own;
        let html = page(&view);
        let current = html.find("aria-current=\"step\"").map(|at| &html[..at]).and_then(|before| before.rfind("data-step=\""));
        let step = current.and_then(|at| html[at + 11..].split('"').next()).and_then(|step| step.parse::<usize>().ok());
        assert_eq!(step, expected, "{state:?}");
    }
}

#[test]
fn no_page_runs_or_styles_inline_or_asks_a_third_party() {
    let mut scan = view(SessionState::Idle);
    scan.session.reason = Some(StateReason::QrExhausted);
    scan.session.action = Some(NextStep::UsePairingCode);
    for language in Language::ALL {
        for html in [landing(language), onboarding(language, "t", &scan), error_page(language, PageError::TokenExpired, "id")] {
            assert!(!html.contains("style=") && !html.contains("<style") && !html.contains("onclick") && !html.contains("javascript:"));
            assert!(html.matches("<script").count() == html.matches("<script type=\"module\" src=\"/assets/").count());
            assert!(html.starts_with("<!doctype html>") && html.contains("name=\"viewport\"") && html.contains("no-referrer"));
            for attribute in ["src=\"", "rel=\"stylesheet\" href=\"", "rel=\"icon\" href=\""] {
                for (at, _) in html.match_indices(attribute) {
                    let value = &html[at + attribute.len()..];
                    assert!(value.starts_with("/assets/") || value.starts_with("data:image/"), "{}", &value[..40]);
                }
            }
        }
    }
}

#[test]
fn every_asset_a_page_names_is_embedded() {
    let html = landing(Language::Ru) + &onboarding(Language::Ru, "t", &view(SessionState::Idle));
    for (at, _) in html.match_indices("\"/assets/") {
        let name = html[at + 9..].split('"').next().unwrap();
        let found = asset(name).unwrap_or_else(|| panic!("{name} is not embedded"));
        assert!(!found.bytes.is_empty());
    }
    assert!(asset("live.js").is_some() && asset("passkey.js").is_some() && asset("../web.rs").is_none() && asset("").is_none());
}

#[test]
fn each_page_error_has_its_own_words_and_a_way_back() {
    let errors = [
        PageError::NotConfigured,
        PageError::BadSalon,
        PageError::BadSignature,
        PageError::LinkReplayed,
        PageError::NotInstalled,
        PageError::OtherOwner,
        PageError::MarketplaceDown,
        PageError::TokenMissing,
        PageError::TokenInvalid,
        PageError::TokenExpired,
        PageError::NotFound,
        PageError::TooMany,
        PageError::Unavailable,
    ];
    for language in Language::ALL {
        let pages: std::collections::HashSet<String> = errors.iter().map(|&error| error_page(language, error, "abc-1")).collect();
        assert_eq!(pages.len(), errors.len());
        for page in pages {
            assert!(page.contains("<code>abc-1</code>"));
            assert!(page.contains("class=\"button primary\" href=\"https://yclients.com/\"") || page.contains("href=\"/marketplace/\""));
        }
    }
}

#[test]
fn the_language_switch_keeps_what_the_page_needs() {
    let html = onboarding(Language::Ru, "a.b&c", &view(SessionState::Idle));
    assert!(html.contains(&escaped("?token=a.b%26c&company=7&salon=123456&lang=en")));
    assert!(landing(Language::En).contains("href=\"?lang=ru\""));
}

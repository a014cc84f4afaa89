//! Every way a link can end, on a whole server against the simulated service: which state, which words, which metric, how soon. One salon for
//! each, all at the same time; then a restart, after which everyone is where they should be.

use std::time::Duration;

use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::numbers::Numbers;
use crate::support::stage::{PATIENCE, Stage, eventually};

/// What a fault leads to.
struct End {
    name: &'static str,
    /// Faults for this salon's phone, in order.
    faults: Vec<Value>,
    state: &'static str,
    /// `None`: several are right.
    reason: Option<&'static str>,
    /// Reason of `frontdesk_links_ended_total`, and how many ends are seen at least.
    metric: (&'static str, f64),
    /// Heading of the page in Russian and English.
    words: [&'static str; 2],
    /// From the fault to the state.
    within: Duration,
    /// Online again after a restart of the server.
    returns: bool,
}

const LOST: [&str; 2] = ["Связь с WhatsApp прервалась", "Connection to WhatsApp lost"];
const DEAF: [&str; 2] = ["WhatsApp не отвечает", "WhatsApp doesn't answer"];
const TAKEN: [&str; 2] = ["Подключение занято в другом месте", "The connection is in use elsewhere"];
const UNLINKED: [&str; 2] = ["Устройство отвязано", "The device was unlinked"];
const BANNED: [&str; 2] = ["WhatsApp ограничил номер", "WhatsApp restricted the number"];
const OUTDATED: [&str; 2] = ["Нужно обновление сервиса", "The service needs an update"];

/// At once, and what a busy machine makes of it when fourteen salons do the same.
const SOON: Duration = Duration::from_secs(20);
/// Two probes of a second each that go unanswered, a second after the last; and the same allowance.
const DEAF_WITHIN: Duration = Duration::from_secs(20);

fn fault(name: &str) -> Value {
    json!({ "fault": name })
}

fn stream_error(code: u16) -> Value {
    json!({ "fault": "stream_error", "code": code })
}

/// What happens at the next login: 515 makes the client log in again at once.
fn at_login(fault: Value) -> Vec<Value> {
    vec![fault, stream_error(515)]
}

fn lost(name: &'static str, faults: Vec<Value>, metric: &'static str) -> End {
    End { name, faults, state: "Backoff", reason: None, metric: (metric, 1.0), words: LOST, within: SOON, returns: true }
}

fn deaf(name: &'static str, fault: Value) -> End {
    let reason = Some("not_answering");
    End { name, faults: vec![fault], state: "Deaf", reason, metric: ("silent", 1.0), words: DEAF, within: DEAF_WITHIN, returns: true }
}

fn last(
    name: &'static str,
    faults: Vec<Value>,
    state: &'static str,
    reason: &'static str,
    metric: &'static str,
    words: [&'static str; 2],
) -> End {
    End { name, faults, state, reason: Some(reason), metric: (metric, 1.0), words, within: SOON, returns: false }
}

fn losses() -> Vec<End> {
    vec![
        lost("dropped while online", vec![fault("drop")], "disconnected"),
        lost("500", vec![stream_error(500)], "service_error"),
        lost("503", vec![stream_error(503)], "disconnected"),
        lost("408", vec![stream_error(408)], "service_error"),
        lost("428", vec![stream_error(428)], "service_error"),
        lost("429", vec![stream_error(429)], "disconnected"),
        lost("connection refused", at_login(fault("refuse_connections")), "dial_failed"),
        lost("dropped in the handshake", at_login(fault("close_mid_handshake")), "dial_failed"),
        lost("a certificate of somebody else", at_login(fault("bad_certificate")), "dial_failed"),
        lost("login refused with 500", at_login(json!({ "fault": "login_failure", "code": 500 })), "service_error"),
        lost("login refused with 503", at_login(json!({ "fault": "login_failure", "code": 503 })), "service_error"),
        lost("login refused with 408", at_login(json!({ "fault": "login_failure", "code": 408 })), "service_error"),
        lost("login refused with 428", at_login(json!({ "fault": "login_failure", "code": 428 })), "service_error"),
    ]
}

fn silences() -> Vec<End> {
    vec![
        deaf("half-open", fault("half_open")),
        deaf("no answers", fault("silence")),
        deaf("too slow", json!({ "fault": "slow", "ms": 5000 })),
        deaf("a frame that can't be decrypted", fault("bad_frame")),
        deaf("half a frame", fault("half_frame")),
        deaf("half a frame and silence", json!({ "fault": "half_frame", "announced_bytes": 5000, "quiet": true })),
        deaf("503 with the socket left open", json!({ "fault": "stream_error", "code": 503, "keep_open": true })),
    ]
}

fn finals() -> Vec<End> {
    vec![
        last("replaced", vec![fault("replaced")], "Replaced", "stream_replaced", "replaced", TAKEN),
        last("a second client", vec![fault("second_client")], "Replaced", "stream_replaced", "replaced", TAKEN),
        last("device removed", vec![fault("logged_out")], "LoggedOut", "device_removed", "logged_out", UNLINKED),
        last("401", vec![stream_error(401)], "LoggedOut", "device_removed", "logged_out", UNLINKED),
        last(
            "login refused with 401",
            at_login(json!({ "fault": "login_failure", "code": 401 })),
            "LoggedOut",
            "device_removed",
            "logged_out",
            UNLINKED,
        ),
        last(
            "a temporary ban",
            at_login(json!({ "fault": "login_failure", "code": 402, "expire_s": 600 })),
            "Banned",
            "temporary_ban",
            "banned",
            BANNED,
        ),
        last("403", at_login(json!({ "fault": "login_failure", "code": 403 })), "Banned", "account_locked", "locked", BANNED),
        last("405", at_login(json!({ "fault": "login_failure", "code": 405 })), "Outdated", "client_outdated", "outdated", OUTDATED),
    ]
}

fn phone_of(index: usize) -> String {
    format!("7900222{index:04}")
}

fn salon_of(index: usize) -> u64 {
    510_000 + index as u64
}

/// A stage on which losses stay visible for up to a minute: waits are long, people are told at once.
async fn stage() -> Stage {
    stage_with(&[]).await
}

async fn stage_with(settings: &[(&str, &str)]) -> Stage {
    let mut stage = Stage::without_server().await;
    for (key, value) in [
        ("BACKOFF_MIN", "60s"),
        ("BACKOFF_MAX", "60s"),
        ("FLAP_GRACE", "1ms"),
        ("DIALS_PER_SECOND", "0"),
        // Every 515 is the first one.
        ("STABLE_AFTER", "1ms"),
    ] {
        stage.set(&format!("FRONTDESK_SESSIONS_{key}"), value);
    }
    for (key, value) in settings {
        stage.set(&format!("FRONTDESK_SESSIONS_{key}"), *value);
    }
    stage.start().await;
    stage
}

async fn set_fault(stage: &Stage, number: &str, fault: &Value) {
    let mut body = fault.clone();
    body["service"] = json!("whatsapp");
    body["target"] = json!(number);
    stage.control("POST", "/control/faults", body).await;
}

/// The heading of the page for its owner.
async fn heading(stage: &Stage, token: &str, language: &str) -> String {
    let url = stage.url(&format!("/marketplace/onboarding?token={token}&lang={language}"));
    let page = stage.http.get(url).send().await.expect("a page").text().await.expect("text");
    let (_, rest) = page.split_once("id=\"state-title\">").expect("a heading");
    let (title, _) = rest.split_once('<').expect("its end");
    title.replace("&#39;", "'").replace("&#x27;", "'")
}

/// Plays an end on its salon and compares what everyone sees.
async fn play(stage: &Stage, index: usize, end: &End) -> String {
    let (salon, number) = (salon_of(index), phone_of(index));
    let token = stage.connect(salon, &number).await;
    for fault in &end.faults {
        set_fault(stage, &number, fault).await;
    }
    let began = Instant::now();
    let status = loop {
        let status = stage.status(salon, &token).await;
        if status["state"] == end.state {
            break status;
        }
        assert!(began.elapsed() < PATIENCE, "{}: the state stays {status}\n{}", end.name, stage.log());
    };
    let took = began.elapsed();
    assert!(took < end.within, "{}: took {took:?}", end.name);
    assert_eq!(status["connected"], false, "{}", end.name);
    if let Some(reason) = end.reason {
        assert_eq!(status["reason"], reason, "{}", end.name);
    }
    for (language, words) in ["ru", "en"].into_iter().zip(end.words) {
        eventually(end.name, async || heading(stage, &token, language).await == words).await;
    }
    token
}

/// Waits until every metric counted its ends.
async fn counted(stage: &Stage, ends: &[End]) {
    for end in ends {
        let (metric, _) = end.metric;
        let expected: f64 = ends.iter().filter(|other| other.metric.0 == metric).map(|other| other.metric.1).sum();
        eventually(end.name, async || Numbers::of(stage).await.ended(metric) >= expected).await;
    }
}

/// Plays all of them at once, then restarts the server and sees who comes back.
async fn play_all(mut stage: Stage, ends: Vec<End>) {
    let tokens = join_all(ends.iter().enumerate().map(|(index, end)| play(&stage, index, end))).await;
    counted(&stage, &ends).await;
    assert_eq!(stage.stop().await, Some(0));
    stage.control("DELETE", "/control/faults", Value::Null).await;
    stage.start().await;
    for (index, (end, token)) in ends.iter().zip(&tokens).enumerate() {
        let wanted = if end.returns { "Online" } else { end.state };
        stage.status_when(salon_of(index), token, |status| status["state"] == wanted).await;
        assert_eq!(stage.phone_online(&phone_of(index)), end.returns, "{}", end.name);
    }
}

#[tokio::test]
async fn fleet_every_loss_has_its_state_words_and_metric_and_is_made_good() {
    play_all(stage().await, losses()).await;
}

#[tokio::test]
async fn fleet_every_silence_is_found_out_within_its_time_and_cured() {
    let quick = [("PROBE_EVERY", "1s"), ("PROBE_TIMEOUT", "1s")];
    play_all(stage_with(&quick).await, silences()).await;
}

#[tokio::test]
async fn fleet_every_final_end_has_its_state_words_and_metric_and_is_not_fought() {
    play_all(stage().await, finals()).await;
}

#[tokio::test]
async fn fleet_a_link_that_is_asked_to_start_again_does_so_at_once() {
    let stage = stage().await;
    let (salon, number) = (salon_of(1), phone_of(1));
    let token = stage.connect(salon, &number).await;
    let before =
        (stage.status(salon, &token).await, stage.sandbox.whatsapp().stats().logins, Numbers::of(&stage).await.ended("restart_required"));
    set_fault(&stage, &number, &stream_error(515)).await;
    stage.status_when(salon, &token, |status| status["state"] == "Online" && status["since"] != before.0["since"]).await;
    assert_eq!(stage.sandbox.whatsapp().stats().logins, before.1 + 1, "once, though a wait would take a minute here");
    assert!(Numbers::of(&stage).await.ended("restart_required") > before.2);
}

#[tokio::test]
async fn fleet_what_a_link_survives_ends_nothing() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_PROBE_EVERY", "500ms");
    stage.start().await;
    let stage = &stage;
    let survived = [fault("bad_node"), fault("bad_zlib"), json!({ "fault": "big_frame", "bytes": 1_000_000 })];
    let play = async |index: usize, fault: &Value| {
        let (salon, number) = (salon_of(index), phone_of(index));
        let token = stage.connect(salon, &number).await;
        let before = stage.status(salon, &token).await;
        set_fault(stage, &number, fault).await;
        // Nothing is to happen: what a link does not survive shows in its next probes. The three links share the count.
        let probes = async || Numbers::of(stage).await.get("frontdesk_links_memory_bytes_count");
        let asked = probes().await;
        eventually("several probes of each link are answered", async || probes().await >= asked + 18.0).await;
        let after = stage.status(salon, &token).await;
        assert_eq!((&after["state"], &after["since"]), (&json!("Online"), &before["since"]), "{fault}");
    };
    join_all(survived.iter().enumerate().map(|(index, fault)| play(index, fault))).await;
}

#[tokio::test]
async fn fleet_doubts_bring_the_probe_forward_though_none_is_due() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_PROBE_EVERY", "10m");
    stage.set("FRONTDESK_SESSIONS_PROBE_TIMEOUT", "1s");
    stage.start().await;
    let (open, half) = (salon_of(1), salon_of(2));
    let tokens = [stage.connect(open, &phone_of(1)).await, stage.connect(half, &phone_of(2)).await];
    let before = [stage.status(open, &tokens[0]).await, stage.status(half, &tokens[1]).await];
    let began = Instant::now();
    set_fault(&stage, &phone_of(1), &json!({ "fault": "stream_error", "code": 503, "keep_open": true })).await;
    set_fault(&stage, &phone_of(2), &fault("half_frame")).await;
    stage.phone(&phone_of(3)).await;
    let send = format!("/control/phones/{}/send", phone_of(3));
    for (salon, token, before) in [(open, &tokens[0], &before[0]), (half, &tokens[1], &before[1])] {
        eventually("a fresh link", async || {
            // What the service says is swallowed by the frame that never ends.
            stage.control("POST", &send, json!({"to": phone_of(2), "text": "anybody there?"})).await;
            let status = stage.status(salon, token).await;
            status["state"] == "Online" && status["since"] != before["since"]
        })
        .await;
    }
    assert!(began.elapsed() < Duration::from_secs(25), "{:?}", began.elapsed());
}

#[tokio::test]
async fn fleet_a_link_that_is_back_within_seconds_is_no_news_for_people_and_is_for_machines() {
    let stage = Stage::open().await;
    let (salon, number) = (salon_of(1), phone_of(1));
    let token = stage.connect(salon, &number).await;
    set_fault(&stage, &number, &json!({ "fault": "refuse_connections", "duration_ms": 4000 })).await;
    set_fault(&stage, &number, &fault("drop")).await;
    let status = stage.status_when(salon, &token, |status| status["state"] != "Online").await;
    assert_eq!((&status["connected"], &status["shown"]["state"]), (&json!(false), &json!("Online")), "{status}");
    assert_eq!(status["shown"]["reason"], Value::Null);
    eventually("the metric tells it", async || Numbers::of(&stage).await.sessions("Online") < 1.0).await;
    assert_eq!(heading(&stage, &token, "ru").await, "WhatsApp подключён");
    stage.status_when(salon, &token, |status| status["connected"] == true).await;

    set_fault(&stage, &number, &fault("refuse_connections")).await;
    set_fault(&stage, &number, &fault("drop")).await;
    let began = Instant::now();
    stage.status_when(salon, &token, |status| status["shown"]["state"] != "Online").await;
    assert!(began.elapsed() >= Duration::from_secs(9), "told after ten seconds: {:?}", began.elapsed());
}

#[tokio::test]
async fn fleet_a_device_removed_while_it_pairs_is_told_at_once() {
    let stage = stage().await;
    let (salon, number) = (salon_of(1), phone_of(1));
    stage.salon(salon, "Салон").await;
    stage.phone(&number).await;
    set_fault(&stage, &number, &fault("unlink_while_pairing")).await;
    let token = stage.onboard(salon).await;
    let qr = stage.qr(&token).await;
    stage.scan(&number, &qr).await;
    let status = stage.status_when(salon, &token, |status| status["state"] == "LoggedOut").await;
    assert_eq!((&status["reason"], &status["action"]), (&json!("device_removed"), &json!("request_qr")));
    assert_eq!(heading(&stage, &token, "ru").await, UNLINKED[0]);
}

#[tokio::test]
async fn fleet_what_named_its_moment_comes_back_then_by_itself() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_OUTDATED_RETRY_AFTER", "3s");
    stage.set("FRONTDESK_SESSIONS_REPLACED_PROBE_AFTER", "3s");
    stage.start().await;
    let cases = [
        ("Outdated", at_login(json!({ "fault": "login_failure", "code": 405 }))),
        ("Banned", at_login(json!({ "fault": "login_failure", "code": 402, "expire_s": 3 }))),
        ("Replaced", vec![fault("replaced")]),
    ];
    let play = async |index: usize, state: &str, faults: &[Value]| {
        let (salon, number) = (salon_of(index), phone_of(index));
        let token = stage.connect(salon, &number).await;
        for fault in faults {
            set_fault(&stage, &number, fault).await;
        }
        let status = stage.status_when(salon, &token, |status| status["state"] == state).await;
        assert!(status["retryAt"].is_string(), "{status}");
        stage.status_when(salon, &token, |status| status["state"] == "Online").await;
    };
    join_all(cases.iter().enumerate().map(|(index, (state, faults))| play(index, state, faults))).await;
}

#[tokio::test]
async fn fleet_an_outage_for_everyone_is_followed_by_everyones_return_at_the_pace() {
    const SALONS: usize = 12;
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_DIALS_PER_SECOND", "4");
    stage.start().await;
    let connect = async |index: usize| stage.connect(salon_of(index), &phone_of(index)).await;
    let tokens = join_all((0..SALONS).map(connect)).await;
    let outage = json!({ "service": "whatsapp", "fault": "outage" });
    stage.control("POST", "/control/faults", outage).await;
    for (index, token) in tokens.iter().enumerate() {
        stage.status_when(salon_of(index), token, |status| status["state"] != "Online").await;
    }
    let (logins, began) = (stage.sandbox.whatsapp().stats().logins, Instant::now());
    stage.control("DELETE", "/control/faults", Value::Null).await;
    eventually("all are back", async || stage.sandbox.whatsapp().stats().links == SALONS).await;
    let back = stage.sandbox.whatsapp().stats().logins - logins;
    assert_eq!(back, SALONS as u64, "each logs in once");
    assert!(began.elapsed() >= Duration::from_secs(2), "twelve at four a second: {:?}", began.elapsed());
}

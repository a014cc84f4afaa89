//! The main job over HTTP: from YClients' redirect to an active integration, and what survives a restart, an uninstall, a freeze.

use serde_json::{Value, json};

use crate::support::stage::{Stage, eventually};

const SALON: u64 = 500_001;
const PHONE: &str = "79001110001";

#[tokio::test]
async fn journey_a_salon_comes_online_and_is_activated_once() {
    let stage = Stage::open().await;
    let token = stage.connect(SALON, PHONE).await;
    let status = stage.status(SALON, &token).await;
    assert_eq!(status["success"], true);
    assert_eq!(status["status"], "connected");
    assert_eq!(status["phoneNumber"], format!("+{PHONE}"), "own number without the device suffix");
    assert_eq!(status["session_id"], format!("company_{SALON}"));
    assert!(stage.phone_online(PHONE));
    assert_eq!(stage.accepted_callbacks(SALON).await, 1);
    let installed = stage.control("GET", &format!("/control/salons/{SALON}"), Value::Null).await;
    assert_eq!(installed["status"], "active");
}

#[tokio::test]
async fn journey_a_linked_salon_is_online_again_after_a_stop_and_a_start() {
    let mut stage = Stage::open().await;
    let token = stage.connect(SALON, PHONE).await;
    assert_eq!(stage.stop().await, Some(0), "SIGTERM ends in good order:\n{}", stage.log());
    eventually("the link is closed", async || !stage.phone_online(PHONE)).await;
    stage.start().await;
    stage.active(SALON, &token).await;
    assert_eq!(stage.accepted_callbacks(SALON).await, 1, "no second callback");
}

#[tokio::test]
async fn journey_a_pairing_code_links_a_salon_too() {
    let stage = Stage::open().await;
    stage.salon(SALON, "Салон").await;
    stage.phone(PHONE).await;
    let token = stage.onboard(SALON).await;
    stage.qr(&token).await;
    let log = stage.log();
    assert!(!log.contains(&token), "no token in the log");
    // The code itself is asked for over Socket.IO (tests/browser); over HTTP the page only sees that there is one.
    let status = stage.status(SALON, &token).await;
    assert_eq!(status["hasQR"], true);
    assert_eq!(status["hasPairingCode"], false);
}

#[tokio::test]
async fn journey_an_uninstall_removes_the_session_and_the_same_day_reinstall_works() {
    let stage = Stage::open().await;
    let token = stage.connect(SALON, PHONE).await;
    stage.control("POST", &format!("/control/salons/{SALON}/uninstall"), json!({})).await;
    stage.status_when(SALON, &token, |status| status["connected"] == false).await;
    eventually("the link is closed", async || !stage.phone_online(PHONE)).await;

    let token = stage.onboard(SALON).await;
    let qr = stage.qr(&token).await;
    stage.scan(PHONE, &qr).await;
    stage.active(SALON, &token).await;
    assert_eq!(stage.accepted_callbacks(SALON).await, 2, "one per installation");

    stage.control("POST", &format!("/control/salons/{SALON}/uninstall"), json!({})).await;
    stage.status_when(SALON, &token, |status| status["connected"] == false).await;
}

#[tokio::test]
async fn journey_a_freeze_stops_the_session_and_keeps_the_link_for_later() {
    let stage = Stage::open().await;
    let token = stage.connect(SALON, PHONE).await;
    stage.control("POST", &format!("/control/salons/{SALON}/freeze"), json!({})).await;
    stage.status_when(SALON, &token, |status| status["connected"] == false).await;
    eventually("the link is closed", async || !stage.phone_online(PHONE)).await;
    stage.control("POST", &format!("/control/salons/{SALON}/unfreeze"), json!({})).await;
    let token = stage.onboard(SALON).await;
    stage.status_when(SALON, &token, |status| status["connected"] == true).await;
}

#[tokio::test]
async fn journey_the_phone_removes_the_device_and_the_page_offers_a_new_code() {
    let stage = Stage::open().await;
    let token = stage.connect(SALON, PHONE).await;
    stage.control("POST", &format!("/control/phones/{PHONE}/unlink"), json!({})).await;
    let status = stage.status_when(SALON, &token, |status| status["state"] == "LoggedOut").await;
    assert_eq!(status["action"], "request_qr", "{status}");
    let qr = stage.qr(&token).await;
    stage.scan(PHONE, &qr).await;
    stage.status_when(SALON, &token, |status| status["connected"] == true).await;
}

#[tokio::test]
async fn journey_a_lost_network_heals_by_itself() {
    let stage = Stage::open().await;
    let token = stage.connect(SALON, PHONE).await;
    let refuse = json!({"service": "whatsapp", "target": "*", "fault": "refuse_connections"});
    stage.control("POST", "/control/faults", refuse).await;
    let drop = json!({"service": "whatsapp", "target": PHONE, "fault": "drop"});
    stage.control("POST", "/control/faults", drop).await;
    stage.status_when(SALON, &token, |status| status["state"] == "Backoff").await;
    stage.control("DELETE", "/control/faults", Value::Null).await;
    stage.status_when(SALON, &token, |status| status["connected"] == true).await;
}

#[tokio::test]
async fn journey_a_link_taken_over_elsewhere_is_not_fought_for() {
    let stage = Stage::open().await;
    let token = stage.connect(SALON, PHONE).await;
    let replaced = json!({"service": "whatsapp", "target": PHONE, "fault": "replaced"});
    stage.control("POST", "/control/faults", replaced).await;
    let status = stage.status_when(SALON, &token, |status| status["state"] == "Replaced").await;
    assert_eq!(status["action"], "reconnect");
    assert!(!stage.phone_online(PHONE));
}

#[tokio::test]
async fn journey_a_callback_that_fails_is_repeated_and_a_lost_answer_is_not() {
    for (fault, accepted) in [
        (json!({"service": "yclients", "target": SALON.to_string(), "fault": "status", "code": 503, "times": 2}), 1),
        (json!({"service": "yclients", "target": SALON.to_string(), "fault": "close", "times": 1}), 1),
        (json!({"service": "yclients", "target": SALON.to_string(), "fault": "redirect", "times": 1}), 1),
    ] {
        let mut stage = Stage::without_server().await;
        stage.set("FRONTDESK_ACTIVATION_BACKOFF_MIN", "50ms");
        stage.start().await;
        stage.salon(SALON, "Салон").await;
        stage.phone(PHONE).await;
        stage.control("POST", "/control/faults", fault.clone()).await;
        let token = stage.onboard(SALON).await;
        let qr = stage.qr(&token).await;
        stage.scan(PHONE, &qr).await;
        stage.active(SALON, &token).await;
        assert_eq!(stage.accepted_callbacks(SALON).await, accepted, "{fault}");
    }
}

#[tokio::test]
async fn journey_a_refused_callback_ends_in_words_and_a_new_connect_begins_anew() {
    let stage = Stage::open().await;
    stage.salon(SALON, "Салон").await;
    stage.phone(PHONE).await;
    let refused = json!({"service": "yclients", "target": SALON.to_string(), "fault": "status", "code": 422, "times": 1});
    stage.control("POST", "/control/faults", refused).await;
    let token = stage.onboard(SALON).await;
    let qr = stage.qr(&token).await;
    stage.scan(PHONE, &qr).await;
    stage.status_when(SALON, &token, |status| status["activation"]["status"] == "failed").await;
    let token = stage.onboard(SALON).await;
    stage.active(SALON, &token).await;
}

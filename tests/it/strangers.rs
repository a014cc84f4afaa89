//! No one gets in: tokens of other salons, tampered ones, replayed links, wild ids, two servers on one folder.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::support::stage::Stage;

const SALON: u64 = 600_001;
const OTHER: u64 = 600_002;

/// Status and body of a status question.
async fn ask(stage: &Stage, salon: u64, token: &str) -> (u16, Value) {
    let url = stage.url(&format!("/marketplace/api/status/company_{salon}"));
    let answer = stage.http.get(url).bearer_auth(token).send().await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

#[tokio::test]
async fn a_token_of_one_salon_opens_nothing_of_another() {
    let stage = Stage::open().await;
    for salon in [SALON, OTHER] {
        stage.salon(salon, "Салон").await;
    }
    let (mine, other) = (stage.onboard(SALON).await, stage.onboard(OTHER).await);
    assert_eq!(ask(&stage, SALON, &mine).await.0, 200);
    let (status, body) = ask(&stage, OTHER, &mine).await;
    assert_eq!(status, 403, "{body}");
    assert_eq!(body["success"], false);
    assert!(body["code"].is_string() && body["request_id"].is_string(), "{body}");
    let (my_qr, other_qr) = (stage.qr(&mine).await, stage.qr(&other).await);
    assert_ne!(my_qr, other_qr, "each salon has its own code");
}

#[tokio::test]
async fn expired_tampered_unsigned_and_foreign_tokens_are_refused() {
    let stage = Stage::open().await;
    stage.salon(SALON, "Салон").await;
    let token = stage.onboard(SALON).await;
    let parts: Vec<&str> = token.split('.').collect();
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).expect("base64")).expect("JSON");
    let mut forged = claims.clone();
    forged["salon_id"] = json!(OTHER);
    let swapped = |algorithm: &str| format!("{}.{}.", encode(json!({"alg": algorithm, "typ": "JWT"})), parts[1]);
    let bad = [
        String::new(),
        "x".to_owned(),
        format!("{}.{}.{}", parts[0], encode(forged), parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        swapped("none"),
        format!("{}{}", swapped("HS512"), parts[2]),
        "x".repeat(5000),
    ];
    for token in bad {
        let (status, body) = ask(&stage, SALON, &token).await;
        assert_eq!(status, 401, "{body}");
    }
    assert_eq!(ask(&stage, SALON, &token).await.0, 200);
}

#[tokio::test]
async fn the_same_signed_link_for_another_salon_is_refused_and_a_reload_is_fine() {
    let stage = Stage::open().await;
    stage.salon(SALON, "Салон").await;
    stage.salon(OTHER, "Другой").await;
    stage.press_connect(OTHER).await;
    let link = stage.press_connect(SALON).await;
    let open = async |link: String| stage.http.get(link).send().await.expect("an answer").status().as_u16();
    assert_eq!(open(link.clone()).await, 302);
    assert_eq!(open(link.clone()).await, 302, "a reload");
    assert_eq!(open(link.replace(&SALON.to_string(), &OTHER.to_string())).await, 403, "a replay");
}

#[tokio::test]
async fn a_redirect_with_wild_ids_or_a_bad_signature_is_refused_with_a_page() {
    let stage = Stage::open().await;
    stage.salon(SALON, "Салон").await;
    let link = stage.press_connect(SALON).await;
    let id = format!("salon_id={SALON}");
    for wild in [
        "salon_id=",
        "salon_id=-1",
        "salon_id=0",
        "salon_id=1e3",
        "salon_id=%00",
        "salon_id=99999999999999999999",
        "x=1",
        "salon_id=<script>",
    ] {
        let answer = stage.http.get(link.replace(&id, wild)).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 400, "{wild}");
        let html = answer.text().await.expect("a page");
        assert!(html.contains("<html") && !html.contains("<script>\""), "{wild}");
    }
    let sign = link.rsplit('=').next().expect("a signature").to_owned();
    for bad in [link.replace(&sign, &"0".repeat(64)), link.replace(&format!("&user_data_sign={sign}"), "")] {
        assert_eq!(stage.http.get(bad).send().await.expect("an answer").status().as_u16(), 403);
    }
}

#[tokio::test]
async fn a_salon_where_nobody_pressed_connect_is_refused() {
    let stage = Stage::open().await;
    stage.salon(SALON, "Салон").await;
    let link = stage.press_connect(SALON).await;
    stage.control("POST", &format!("/control/salons/{SALON}/expire"), json!({})).await;
    assert_eq!(stage.http.get(link).send().await.expect("an answer").status().as_u16(), 403);
}

#[tokio::test]
async fn a_hostile_salon_name_is_shown_as_text() {
    let stage = Stage::open().await;
    for (salon, name) in
        [(SALON, "<script>alert(1)</script>".to_owned()), (OTHER, format!("\"'><img src=x onerror=alert(1)>{}", "я🙂".repeat(1700)))]
    {
        stage.salon(salon, &name).await;
        let token = stage.onboard(salon).await;
        let page = stage.http.get(stage.url(&format!("/marketplace/onboarding?token={token}"))).send().await.expect("an answer");
        assert_eq!(page.status().as_u16(), 200);
        let policy = page.headers()["content-security-policy"].to_str().expect("text").to_owned();
        assert!(!policy.contains("unsafe-inline"), "{policy}");
        let html = page.text().await.expect("a page");
        assert!(!html.contains("<script>alert") && !html.contains("<img src=x"), "escaped");
    }
}

#[tokio::test]
async fn a_webhook_with_a_wrong_partner_token_is_refused_and_changes_nothing() {
    let stage = Stage::open().await;
    let token = stage.connect(SALON, "79001110002").await;
    for body in
        [json!({"salon_id": SALON, "event": "uninstall", "partner_token": "wrong"}), json!({"salon_id": SALON, "event": "uninstall"})]
    {
        let answer = stage.http.post(stage.url("/webhook/yclients")).json(&body).send().await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 401);
    }
    assert_eq!(stage.status(SALON, &token).await["connected"], true);
}

#[tokio::test]
async fn a_second_server_on_the_same_folder_is_refused_in_words() {
    let stage = Stage::open().await;
    let mut second = Stage::without_server().await;
    second.data_dir.clone_from(&stage.data_dir);
    second.spawn();
    assert_eq!(second.ended().await, Some(74));
    assert!(stage.log().contains("another"), "{}", stage.log());
}

#[tokio::test]
async fn a_wrong_configuration_is_told_whole_and_ends_with_64() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SERVER_LISTEN", "nowhere");
    stage.set("FRONTDESK_NONSENSE", "1");
    stage.set("JWT_SECRET", "short");
    stage.spawn();
    assert_eq!(stage.ended().await, Some(64));
    let log = stage.log();
    for part in ["server.listen", "FRONTDESK_NONSENSE", "auth.jwt_secret"] {
        assert!(log.contains(part), "{part} missing in {log}");
    }
}

#[tokio::test]
async fn a_whole_journey_leaves_no_secret_in_the_log() {
    let mut stage = Stage::without_server().await;
    stage.set("LOG_LEVEL", "debug");
    stage.start().await;
    let token = stage.connect(SALON, "79001110003").await;
    stage.stop().await;
    let log = stage.log();
    assert!(log.len() > 500, "there is a log");
    for secret in [token.as_str(), "79001110003", frontdesk_sandbox::TEST_PARTNER_TOKEN, "user_data="] {
        assert!(!log.contains(secret), "the log holds {secret}");
    }
}

//! Lifecycle webhooks: who may send them, what is kept, and when a 2xx may be said.

use serde_json::json;

use super::*;

const PATHS: [&str; 2] = ["/webhook/yclients", "/callback/yclients"];

fn event(salon: u64, event: &str) -> Value {
    json!({"salon_id": salon, "application_id": 9, "event": event, "partner_token": PARTNER_TOKEN})
}

/// Webhooks of salons nobody knows stay in the inbox, where a test can look.
fn stored(desk: &Desk) -> Vec<(u64, String)> {
    let entries = desk.world.records.waiting_inbox();
    entries.iter().map(|entry| (entry.entry.salon_id.get(), entry.entry.body.to_string())).collect()
}

#[tokio::test]
async fn a_2xx_means_stored_without_secrets() {
    let desk = Desk::open().await;
    for (path, salon) in PATHS.into_iter().zip([501, 502]) {
        let mut body = event(salon, "payment");
        body["nested"] = json!({"api_key": "geheim", "kept": "yes"});
        let answer = desk.post_json(path, &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.json()["received"], true);
        let (_, text) = stored(&desk).into_iter().find(|(id, _)| *id == salon).expect("it is stored");
        assert!(!text.contains(PARTNER_TOKEN) && !text.contains("geheim") && text.contains("kept"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_or_missing_token_is_401_and_stores_nothing() {
    let desk = Desk::open().await;
    for path in PATHS {
        for token in [json!(null), json!(""), json!(" "), json!({}), json!([PARTNER_TOKEN]), json!(true)] {
            let mut body = event(501, "uninstall");
            body["partner_token"] = token;
            desk.post_json(path, &body).await.is_error(401, "AUTH_REQUIRED", &[]);
        }
        for token in [json!("wrong"), json!(7), json!(PARTNER_TOKEN.to_uppercase())] {
            let mut body = event(501, "uninstall");
            body["partner_token"] = token;
            desk.post_json(path, &body).await.is_error(401, "AUTH_INVALID", &[]);
        }
        desk.post_json(path, &json!({"salon_id": 501, "event": "uninstall"})).await.is_error(401, "AUTH_REQUIRED", &[]);
        let one_wrong = json!([event(501, "uninstall"), {"salon_id": 502, "event": "uninstall", "partner_token": "wrong"}]);
        desk.post_json(path, &one_wrong).await.is_error(401, "AUTH_INVALID", &[]);
        let in_header = with_bearer(json_request(path, json!({"salon_id": 501, "event": "uninstall"}).to_string()), PARTNER_TOKEN);
        desk.send(in_header).await.is_error(401, "AUTH_REQUIRED", &[]);
    }
    assert!(stored(&desk).is_empty());
}

#[tokio::test]
async fn an_event_without_a_salon_does_not_hold_up_the_others() {
    let desk = Desk::open().await;
    let nobody = json!({"event": "uninstall", "partner_token": PARTNER_TOKEN});
    let answer = desk.post_json(PATHS[0], &json!([nobody, event(501, "uninstall"), event(502, "freeze")])).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    assert_eq!((answer.json()["events"].as_u64(), answer.json()["unreadable_events"].as_u64()), (Some(2), Some(1)));
    let mut salons: Vec<u64> = stored(&desk).into_iter().map(|(salon, _)| salon).collect();
    salons.sort_unstable();
    assert_eq!(salons, [501, 502]);
    desk.post_json(PATHS[0], &json!([nobody, nobody])).await.is_error(400, "INVALID_SALON_ID", &[]);
}

#[tokio::test]
async fn an_array_is_taken_whole_or_not_at_all_and_is_told_when_there_is_room() {
    let desk = Desk::open().await;
    let many = |salon| Value::Array((0..90).map(|_| event(salon, "freeze")).collect());
    for _ in 0..2 {
        assert_eq!(desk.post_json(PATHS[0], &many(501)).await.status, 200);
    }
    let refused = desk.post_json(PATHS[0], &many(501)).await;
    refused.is_error(429, "RATE_LIMITED", &["retry_after"]);
    let wait: u64 = refused.header(header::RETRY_AFTER).parse().unwrap();
    assert!((15..=21).contains(&wait), "{wait} s until there is room for all 90");
    assert_eq!(stored(&desk).len(), 180);
    assert_eq!(desk.post_json(PATHS[0], &many(502)).await.status, 200, "another salon has its own");
}

#[tokio::test]
async fn a_failing_store_answers_503_and_the_repeat_is_taken() {
    let desk = Desk::open().await;
    desk.world.records.fail_next_commits(1);
    let answer = desk.post_json(PATHS[0], &event(501, "freeze")).await;
    answer.is_error(503, "STORE_UNAVAILABLE", &["retry_after"]);
    assert!(!answer.header(header::RETRY_AFTER).is_empty());
    assert!(stored(&desk).is_empty());
    assert_eq!(desk.post_json(PATHS[0], &event(501, "freeze")).await.status, 200);
    assert_eq!(stored(&desk).len(), 1);
}

#[tokio::test]
async fn arrays_loose_types_and_unknown_events_are_taken() {
    let desk = Desk::open().await;
    let body = json!([
        {"salon_id": "601", "event_type": "uninstall", "partner_token": PARTNER_TOKEN},
        {"salon_id": 602, "event": "something new", "partner_token": PARTNER_TOKEN, "application_id": "9"},
        {"salon_id": 603, "partner_token": PARTNER_TOKEN},
    ]);
    let answer = desk.post_json(PATHS[0], &body).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let salons: Vec<u64> = stored(&desk).into_iter().map(|(salon, _)| salon).collect();
    assert_eq!(salons, [601, 602, 603]);
}

#[tokio::test]
async fn the_content_type_of_a_webhook_does_not_matter() {
    let desk = Desk::open().await;
    let plain = request(Method::POST, PATHS[0], Body::from(event(501, "freeze").to_string()));
    assert_eq!(desk.send(with_header(plain, "content-type", "text/plain")).await.status, 200);
}

#[tokio::test]
async fn another_application_is_skipped_and_not_stored() {
    let desk = Desk::with(HttpSettings { application_id: Some(9), ..HttpSettings::default() }).await;
    let mut foreign = event(501, "uninstall");
    foreign["application_id"] = json!(10);
    let answer = desk.post_json(PATHS[0], &foreign).await;
    assert_eq!((answer.status.as_u16(), answer.json()["skipped"].clone()), (200, json!("different_application")));
    assert!(stored(&desk).is_empty());
    assert_eq!(desk.post_json(PATHS[0], &json!([foreign, event(502, "uninstall")])).await.status, 200);
    assert_eq!(stored(&desk).len(), 1);
}

#[tokio::test]
async fn bad_webhooks_have_the_envelope() {
    let desk = Desk::open().await;
    desk.send(json_request(PATHS[0], "{")).await.is_error(400, "MALFORMED_JSON", &[]);
    desk.send(json_request(PATHS[0], "")).await.is_error(400, "MALFORMED_JSON", &[]);
    for body in [json!(null), json!([]), json!(7), json!([7]), json!("x")] {
        desk.post_json(PATHS[0], &body).await.is_error(400, "INVALID_BODY", &[]);
    }
    let mut wild = event(1, "uninstall");
    for salon in [json!(null), json!("x"), json!(-1), json!(1.5), json!([1])] {
        wild["salon_id"] = salon;
        desk.post_json(PATHS[0], &wild).await.is_error(400, "INVALID_SALON_ID", &[]);
    }
}

#[tokio::test]
async fn an_uninstall_reaches_its_company_and_no_other() {
    let desk = Desk::open().await;
    let (gone, stays) = (desk.online(77).await, desk.online(78).await);
    desk.world.marketplace.set_installation(gone.salon_id(), frontdesk_actors::ports::Installation::NotInstalled);
    assert_eq!(desk.post_json(PATHS[0], &event(77, "uninstall")).await.status, 200);
    let uninstalled = frontdesk_actors::records::IntegrationStatus::Uninstalled;
    frontdesk_actors::testing::until(&gone, |view| view.integration == uninstalled).await;
    assert!(stays.view().connected());
}

#[tokio::test]
async fn a_flooding_salon_is_limited_after_authentication_and_others_are_not() {
    let desk = Desk::open().await;
    let mut refused = None;
    for _ in 0..260 {
        let answer = desk.post_json(PATHS[0], &event(501, "payment")).await;
        if answer.status == 429 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("a burst of more than 200 is refused");
    refused.is_error(429, "RATE_LIMITED", &["retry_after"]);
    assert_eq!(refused.header("x-ratelimit-limit"), "200");
    assert_eq!(desk.post_json(PATHS[0], &event(502, "payment")).await.status, 200);
}

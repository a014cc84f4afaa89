//! Clients of the predecessor: their routes, their field names, their credentials.

use base64::Engine as _;
use frontdesk_actors::fleet::Enrolled;
use frontdesk_actors::testing::{LinkScript, until, wait_until};
use frontdesk_actors::view::ActivationView;
use serde_json::json;

use super::*;

async fn enrolled(desk: &Desk, salon: u64) -> (Enrolled, CompanyHandle, String) {
    let enrolled = desk.state.fleet.enroll(frontdesk_actors::testing::salon(salon), None, None).await.unwrap();
    let company = desk.state.fleet.company(enrolled.company_id).await.unwrap().unwrap();
    let token = desk.state.tokens.mint(Audience::Connect, enrolled.company_id, enrolled.salon_id, Utc::now());
    (enrolled, company, token)
}

#[tokio::test]
async fn the_connect_page_opens_to_its_token_and_for_what_it_names() {
    let desk = Desk::open().await;
    let (enrolled, company, token) = enrolled(&desk, 77).await;
    let id = enrolled.company_id;
    desk.get(&format!("/marketplace/connect?token={token}&company={id}&salon=77")).await.is_page(200);
    desk.get(&format!("/marketplace/connect?token={token}")).await.is_page(200);
    for wrong in ["company=9&salon=77", "company=1&salon=78", "company=x", "salon=", "company=1&company=1"] {
        desk.get(&format!("/marketplace/connect?token={token}&{wrong}")).await.is_page(401);
    }
    desk.get("/marketplace/connect?company=1&salon=77").await.is_page(400);
    desk.get(&format!("/marketplace/connect?token={}", desk.token(&company))).await.is_page(401);
    desk.get(&format!("/marketplace/onboarding?token={token}")).await.is_page(401);
}

#[tokio::test]
async fn the_code_comes_as_a_picture() {
    let desk = Desk::with(HttpSettings { per_ip_limits: false, qr_wait: Duration::from_millis(300), ..HttpSettings::default() }).await;
    let (_, company, token) = enrolled(&desk, 77).await;
    let answer = desk.get(&format!("/marketplace/qr/{token}")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let body = answer.json();
    let png = body["qr"].as_str().unwrap().strip_prefix("data:image/png;base64,").unwrap();
    let png = base64::engine::general_purpose::STANDARD.decode(png).unwrap();
    assert!(png.starts_with(b"\x89PNG\r\n\x1a\n"));
    assert!((1..=60).contains(&body["expires_in"].as_i64().unwrap()) && body["success"] == true);
    desk.get("/marketplace/qr/x").await.is_error(401, "AUTH_INVALID", &[]);
    desk.get("/marketplace/qr/%FF").await.is_error(401, "AUTH_INVALID", &[]);
    let (_, silent, other) = enrolled_silently(&desk).await;
    desk.get(&format!("/marketplace/qr/{other}")).await.is_error(503, "QR_NOT_READY", &["retry_after"]);
    drop(silent);
    desk.world.connector.unscript_all();
    desk.world.connector.link(company.company_id()).await.scan(account(1));
    until_state(&company, SessionState::Online).await;
    desk.get(&format!("/marketplace/qr/{token}")).await.is_error(409, "ALREADY_CONNECTED", &[]);
}

async fn enrolled_silently(desk: &Desk) -> (Enrolled, CompanyHandle, String) {
    desk.world.connector.script_all(LinkScript::silent());
    enrolled(desk, 78).await
}

#[tokio::test]
async fn an_old_client_goes_its_whole_way_with_the_field_names_it_knows() {
    let desk = Desk::open().await;
    let (enrolled, company, token) = enrolled(&desk, 77).await;
    let (id, key) = (enrolled.company_id, enrolled.api_key.expose());
    let body = json!({"salon_id": "77", "company_id": id, "status": "connected", "whatsapp_phone": "+79160000001", "api_key": key});
    desk.post_json("/marketplace/callback", &body).await.is_error(409, "NOT_CONNECTED", &[]);
    assert_eq!(desk.get(&format!("/marketplace/qr/{token}")).await.status, 200);
    desk.world.connector.link(id).await.scan(account(1));
    until_state(&company, SessionState::Online).await;
    assert_eq!(desk.post_json("/marketplace/callback", &body).await.status, 200);
    until(&company, |view| view.activation == ActivationView::Active).await;
    let answer = desk.post_json("/marketplace/callback", &body).await.json();
    assert_eq!(answer["success"], true);
    let sent_at = answer["data"]["callback_sent_at"].as_str().unwrap();
    assert!(DateTime::parse_from_rfc3339(sent_at).is_ok(), "{answer}");
    let path = format!("/marketplace/status/{id}");
    let bare = || request(Method::GET, &path, Body::empty());
    for asked in [with_bearer(bare(), key), with_header(bare(), "x-api-key", key), with_bearer(bare(), &token)] {
        let status = desk.send(asked).await.json();
        let names: Vec<_> = status.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["company_id", "connected_at", "integration_status", "success", "whatsapp_connected", "whatsapp_phone"]);
        assert_eq!((&status["whatsapp_connected"], &status["integration_status"]), (&json!(true), &json!("active")));
        assert_eq!(status["whatsapp_phone"], account(1).phone.e164());
    }
    assert_eq!(desk.world.marketplace.activations(company.salon_id()), 1, "asked for three times, done once");
}

#[tokio::test]
async fn the_status_of_a_company_opens_to_its_own_credentials_only() {
    let desk = Desk::open().await;
    let (ours, _, _) = enrolled(&desk, 77).await;
    let (theirs, _, their_token) = enrolled(&desk, 78).await;
    let path = format!("/marketplace/status/{}", ours.company_id);
    let bare = || request(Method::GET, &path, Body::empty());
    desk.send(bare()).await.is_error(401, "AUTH_REQUIRED", &[]);
    desk.send(with_bearer(bare(), &their_token)).await.is_error(403, "FORBIDDEN", &[]);
    for key in [theirs.api_key.expose(), "sk_x", ""] {
        let status = desk.send(with_header(bare(), "x-api-key", key)).await.status;
        assert!(status == 401 || status == 403, "{status}");
    }
    desk.get("/marketplace/status/x").await.is_error(400, "INVALID_COMPANY_ID", &[]);
    let unknown = desk.get_as("/marketplace/status/999", ours.api_key.expose()).await;
    assert!(unknown.status == 401 || unknown.status == 403);
}

#[tokio::test]
async fn the_callback_takes_the_key_of_its_company_only() {
    let desk = Desk::open().await;
    let (ours, _, _) = enrolled(&desk, 77).await;
    let (theirs, _, _) = enrolled(&desk, 78).await;
    let body = |company, salon: u64, key: &str| json!({"company_id": company, "salon_id": salon, "api_key": key});
    for wrong in [
        body(ours.company_id, 77, theirs.api_key.expose()),
        body(ours.company_id, 78, ours.api_key.expose()),
        body(theirs.company_id, 77, ours.api_key.expose()),
        body(ours.company_id, 77, ""),
    ] {
        desk.post_json("/marketplace/callback", &wrong).await.is_error(401, "AUTH_INVALID", &[]);
    }
    desk.post_json("/marketplace/callback", &json!({"api_key": "x"})).await.is_error(400, "INVALID_BODY", &[]);
    desk.post_json("/marketplace/callback", &json!([])).await.is_error(400, "INVALID_BODY", &[]);
}

#[tokio::test]
async fn the_old_address_of_a_company_always_answers_and_counts_with_its_key_only() {
    let desk = Desk::open().await;
    let (enrolled, _, _) = enrolled(&desk, 77).await;
    let path = format!("/marketplace/webhook/{}", enrolled.company_id);
    let booking = json!({"type": "booking_created", "data": {"id": 1, "client_secret": "geheim"}});
    for (path, body) in [
        (path.as_str(), booking.to_string()),
        ("/marketplace/webhook/999", booking.to_string()),
        ("/marketplace/webhook/x", booking.to_string()),
        (&path, "{".to_owned()),
        (&path, String::new()),
        (&path, "x".repeat(MAX_WEBHOOK + 1)),
    ] {
        let answer = desk.send(json_request(path, body)).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({"success": true})), "{path}");
    }
    let kept = desk.world.records.unverified_inbox();
    assert_eq!(kept.len(), 1);
    assert!(!format!("{kept:?}").contains("geheim"));
    assert!(desk.world.records.waiting_inbox().is_empty() && desk.world.records.done_inbox().is_empty());
    for wrong in ["sk_x", "Bearer"] {
        desk.send(with_header(json_request(&path, booking.to_string()), "x-api-key", wrong)).await;
    }
    assert_eq!(desk.world.records.unverified_inbox().len(), 3);
    desk.send(with_header(json_request(&path, booking.to_string()), "x-api-key", enrolled.api_key.expose())).await;
    wait_until("it is in the timeline", || desk.world.records.done_inbox().len() == 1).await;
    for _ in 0..50 {
        assert_eq!(desk.send(json_request(&path, booking.to_string())).await.status, 200);
    }
    assert!(desk.world.records.unverified_inbox().len() <= 20, "bounded, whoever sends");
}

#[tokio::test]
async fn too_many_events_with_the_companys_key_are_told_so_and_none_is_lost_behind_a_200() {
    let desk = Desk::open().await;
    let (enrolled, _, _) = enrolled(&desk, 77).await;
    let path = format!("/marketplace/webhook/{}", enrolled.company_id);
    let mut taken = 0;
    for id in 0..230 {
        let booking = json!({"type": "booking_created", "data": {"id": id}}).to_string();
        let answer = desk.send(with_header(json_request(&path, booking), "x-api-key", enrolled.api_key.expose())).await;
        if answer.status == 429 {
            answer.is_error(429, "RATE_LIMITED", &["retry_after"]);
        } else {
            assert_eq!(answer.status, 200, "{}", answer.text);
            taken += 1;
        }
    }
    assert!((200..230).contains(&taken), "{taken} of 230 were taken");
    wait_until("all that were taken are done", || desk.world.records.done_inbox().len() == taken).await;
}

#[tokio::test]
async fn a_companys_old_key_opens_nothing_and_locks_no_operator_out() {
    let desk = Desk::with(HttpSettings::default()).await;
    let (old, _, _) = enrolled(&desk, 77).await;
    let (new, _, _) = enrolled(&desk, 77).await;
    let path = format!("/marketplace/status/{}", new.company_id);
    for _ in 0..20 {
        desk.get_as(&path, old.api_key.expose()).await.is_error(401, "AUTH_INVALID", &[]);
    }
    assert_eq!(desk.get_as(&path, ADMIN_KEY).await.status, 200);
    assert_eq!(desk.get_as(&path, new.api_key.expose()).await.status, 200);
    desk.get_as("/marketplace/status/999", ADMIN_KEY).await.is_error(404, "COMPANY_NOT_FOUND", &[]);
}

#[tokio::test]
async fn health_shows_the_overview_to_operators_and_nothing_of_it_to_others() {
    let desk = Desk::open().await;
    desk.online(77).await;
    let shown = desk.get_as("/health", ADMIN_KEY).await.json();
    assert_eq!(shown["details"]["companies"], 1, "{shown}");
    for answer in [desk.get("/health").await, desk.get_as("/health", "sk_wrong").await] {
        assert_eq!(answer.status, 200);
        assert_eq!(answer.json().as_object().unwrap().keys().collect::<Vec<_>>(), ["status", "success", "timestamp"]);
    }
}

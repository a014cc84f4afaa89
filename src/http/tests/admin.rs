//! Routes for operators.

mod companies;
mod console;
pub mod matrix;
mod partner;
mod registration;

use frontdesk_actors::testing::until;
use serde_json::json;

use super::*;

const KEYS: &str = "/admin/api/v1/keys";

impl Desk {
    /// A new key with this role.
    pub async fn key(&self, role: &str) -> String {
        let request = with_bearer(json_request(KEYS, json!({"name": role, "role": role}).to_string()), ADMIN_KEY);
        let answer = self.send(request).await;
        assert_eq!(answer.status, 201, "{}", answer.text);
        answer.json()["api_key"].as_str().unwrap().to_owned()
    }

    async fn delete_as(&self, path: &str, key: &str) -> Answer {
        self.send(with_bearer(request(Method::DELETE, path, Body::empty()), key)).await
    }

    async fn post_json_as(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send(with_bearer(json_request(path, body.to_string()), key)).await
    }
}

#[tokio::test]
async fn a_key_is_shown_once_and_opens_what_its_role_may() {
    let desk = Desk::open().await;
    let viewer = desk.key("viewer").await;
    let me = desk.get_as("/admin/api/v1/me", &viewer).await;
    assert_eq!((me.json()["role"].as_str(), me.json()["key_id"].as_u64()), (Some("viewer"), Some(1)));
    desk.get_as(KEYS, &viewer).await.is_error(403, "ROLE_REQUIRED", &["role"]);
    let list = desk.get_as(KEYS, ADMIN_KEY).await;
    assert_eq!(list.json()["keys"][0]["hint"], viewer[..9]);
    assert!(!list.text.contains(&viewer) && list.json()["keys"][0].get("hash").is_none(), "{}", list.text);
    let by_header = with_header(request(Method::GET, "/admin/api/v1/me", Body::empty()), "x-api-key", &viewer);
    assert_eq!(desk.send(by_header).await.status, 200);
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_and_nobody_revokes_the_key_in_hand() {
    let desk = Desk::open().await;
    let admin = desk.key("admin").await;
    desk.delete_as("/admin/api/v1/keys/1", &admin).await.is_error(409, "OWN_KEY", &[]);
    desk.delete_as("/admin/api/v1/keys/9", ADMIN_KEY).await.is_error(404, "KEY_NOT_FOUND", &[]);
    desk.delete_as("/admin/api/v1/keys/x", ADMIN_KEY).await.is_error(400, "INVALID_PATH", &[]);
    assert_eq!(desk.delete_as("/admin/api/v1/keys/1", ADMIN_KEY).await.json()["key"]["active"], false);
    let refused = desk.get_as("/admin/api/v1/me", &admin).await;
    refused.is_error(401, "AUTH_INVALID", &[]);
    assert!(!refused.text.contains(&admin));
}

#[tokio::test]
async fn a_new_key_needs_a_name_a_role_and_an_end_in_the_future_if_any() {
    let desk = Desk::open().await;
    let cases = [
        (json!({"name": " ", "role": "viewer"}), "INVALID_NAME"),
        (json!({"name": "x".repeat(101), "role": "viewer"}), "INVALID_NAME"),
        (json!({"name": "a\u{7}b", "role": "viewer"}), "INVALID_NAME"),
        (json!({"name": "a", "role": "root"}), "INVALID_BODY"),
        (json!({"name": "a"}), "INVALID_BODY"),
        (json!({"name": "a", "role": "viewer", "more": 1}), "INVALID_BODY"),
        (json!({"name": "a", "role": "viewer", "expires_at": "2020-01-01T00:00:00Z"}), "INVALID_EXPIRY"),
    ];
    for (body, code) in cases {
        desk.post_json_as(KEYS, ADMIN_KEY, &body).await.is_error(400, code, &[]);
    }
    let later = Utc::now() + chrono::TimeDelta::hours(1);
    let body = json!({"name": "a", "role": "viewer", "expires_at": later});
    assert_eq!(desk.post_json_as(KEYS, ADMIN_KEY, &body).await.status, 201);
}

#[tokio::test]
async fn the_audit_log_tells_who_changed_what_and_from_where() {
    let desk = Desk::open().await;
    let viewer = desk.key("viewer").await;
    desk.delete_as("/admin/api/v1/keys/1", ADMIN_KEY).await;
    let page = desk.get_as("/admin/api/v1/audit?limit=1", ADMIN_KEY).await.json();
    let entry = &page["entries"][0];
    assert_eq!((entry["action"].as_str(), entry["name"].as_str()), (Some("key.revoke"), Some("configuration")));
    assert_eq!((entry["address"].as_str(), entry["target"].as_str()), (Some("192.0.2.1"), Some("1")));
    let older = desk.get_as(&format!("/admin/api/v1/audit?before={}", page["next_before"]), ADMIN_KEY).await;
    assert_eq!(older.json()["entries"][0]["action"], "key.create");
    assert!(!older.text.contains(&viewer));
    for query in ["before=x", "limit=-1", "limit=5&limit=6", "page=2"] {
        desk.get_as(&format!("/admin/api/v1/audit?{query}"), ADMIN_KEY).await.is_error(400, "INVALID_QUERY", &[]);
    }
}

#[tokio::test]
async fn who_guesses_keys_is_locked_out_even_with_the_right_one() {
    let desk = Desk::with(HttpSettings::default()).await;
    for n in 0..10 {
        desk.get_as("/admin/api/v1/me", &format!("sk_guess_{n}")).await.is_error(401, "AUTH_INVALID", &[]);
    }
    let locked = desk.get_as("/admin/api/v1/me", ADMIN_KEY).await;
    locked.is_error(429, "LOCKED_OUT", &["retry_after"]);
    assert!(locked.header("retry-after").parse::<u64>().unwrap() > 800);
    let elsewhere = with_bearer(request_from("192.0.2.9:1", Method::GET, "/admin/api/v1/me", Body::empty()), ADMIN_KEY);
    assert_eq!(desk.send(elsewhere).await.status, 200);
}

#[tokio::test]
async fn a_flood_of_guesses_from_everywhere_keeps_no_right_key_out() {
    let desk = Desk::with(HttpSettings::default()).await;
    for n in 0..40_000_u128 {
        let _ = desk.state.limits.guessed_key(std::net::Ipv6Addr::from_bits((0x2001_0db8 << 96) | (n << 64)).into());
    }
    let me = |key| with_bearer(request(Method::GET, "/admin/api/v1/me", Body::empty()), key);
    assert_eq!(desk.send(me(ADMIN_KEY)).await.status, 200);
    desk.send(me("sk_guess")).await.is_error(429, "LOCKED_OUT", &["retry_after"]);
    assert_eq!(desk.send(me(ADMIN_KEY)).await.status, 200, "that guess was one of the flood's");
}

#[tokio::test]
async fn a_key_has_a_hundred_requests_a_minute() {
    let desk = Desk::open().await;
    let viewer = desk.key("viewer").await;
    let mut refused = 0;
    for _ in 0..110 {
        refused += u32::from(desk.get_as("/admin/api/v1/me", &viewer).await.status == 429);
    }
    assert!((5..=10).contains(&refused), "{refused} of 110 were refused");
    assert_eq!(desk.get_as("/admin/api/v1/me", ADMIN_KEY).await.status, 200, "another key has its own");
}

#[tokio::test]
async fn page_tokens_and_odd_headers_are_no_keys() {
    let desk = Desk::open().await;
    let company = desk.register(77).await;
    let token = desk.token(&company);
    desk.get_as("/admin/api/v1/me", &token).await.is_error(401, "AUTH_INVALID", &[]);
    let bare = || request(Method::GET, "/admin/api/v1/me", Body::empty());
    desk.send(bare()).await.is_error(401, "AUTH_REQUIRED", &[]);
    let both = with_header(with_bearer(bare(), ADMIN_KEY), "x-api-key", ADMIN_KEY);
    desk.send(both).await.is_error(401, "AUTH_INVALID", &[]);
    let twice = with_header(with_header(bare(), "x-api-key", ADMIN_KEY), "x-api-key", ADMIN_KEY);
    desk.send(twice).await.is_error(401, "AUTH_INVALID", &[]);
}

#[tokio::test]
async fn an_operator_stops_and_restarts_a_session_and_a_viewer_does_not() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    let (viewer, operator) = (desk.key("viewer").await, desk.key("operator").await);
    let path = |action: &str| format!("/admin/api/v1/companies/{}/{action}", company.company_id());
    for action in ["restart", "unpark", "stop", "logout", "activate", "qr"] {
        desk.post_as(&path(action), &viewer).await.is_error(403, "ROLE_REQUIRED", &["role"]);
    }
    let first = company.view().session.generation;
    assert_eq!(desk.post_as(&path("restart"), &operator).await.status, 200);
    until(&company, |view| view.session.generation > first).await;
    until_state(&company, SessionState::Connecting).await;
    assert_eq!(desk.post_as(&path("stop"), &operator).await.status, 200);
    until_state(&company, SessionState::Idle).await;
    assert_eq!(desk.post_as(&path("restart"), &operator).await.status, 200);
    until_state(&company, SessionState::Connecting).await;
    let entries = desk.get_as("/admin/api/v1/audit", ADMIN_KEY).await.json()["entries"].clone();
    assert_eq!((entries[1]["action"].as_str(), entries[1]["before"]["state"].as_str()), (Some("session.stop"), Some("Connecting")));
    assert_eq!((entries[0]["action"].as_str(), entries[0]["result"].as_str()), (Some("session.restart"), Some("done")));
    desk.post_as("/admin/api/v1/companies/999/stop", &operator).await.is_error(404, "COMPANY_NOT_FOUND", &[]);
    desk.post_as("/admin/api/v1/companies/0/stop", &operator).await.is_error(404, "COMPANY_NOT_FOUND", &[]);
}

#[tokio::test]
async fn an_admin_gives_the_data_webhooks_a_new_address_that_is_shown_once() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    let path = format!("/admin/api/v1/companies/{}/webhook-secret", company.company_id());
    desk.post_as(&path, &desk.key("operator").await).await.is_error(403, "ROLE_REQUIRED", &["role"]);
    let answer = desk.post_as(&path, ADMIN_KEY).await;
    let address = answer.json()["webhook_url"].as_str().unwrap().to_owned();
    let event = json!({"company_id": 77, "resource": "record", "resource_id": 5, "status": "update", "data": {"id": 5}});
    let webhook = address.strip_prefix("https://desk.example.com").unwrap();
    assert_eq!(desk.post_json(webhook, &event).await.status, 200, "the new address takes webhooks");
    let log = desk.get_as("/admin/api/v1/audit", ADMIN_KEY).await;
    assert_eq!(log.json()["entries"][0]["action"], "webhook.rotate");
    assert!(!log.text.contains(webhook.rsplit('/').next().unwrap()));
}

#[tokio::test]
async fn what_cannot_be_written_down_is_not_done() {
    let desk = Desk::open().await;
    let company = desk.online(77).await;
    desk.records.fail_writes(true);
    let answer = desk.post_as(&format!("/admin/api/v1/companies/{}/stop", company.company_id()), ADMIN_KEY).await;
    answer.is_error(503, "STORE_UNAVAILABLE", &["retry_after"]);
    assert_eq!(company.view().session.state, SessionState::Online);
}

#[tokio::test]
async fn an_operator_gets_a_code_to_help_on_the_phone_and_the_log_keeps_nothing_of_it() {
    let desk = Desk::open().await;
    let company = desk.register(77).await;
    let path = format!("/admin/api/v1/companies/{}/qr", company.company_id());
    let answer = desk.post_as(&path, ADMIN_KEY).await;
    assert!(answer.json()["image"].as_str().is_some_and(|image| image.starts_with("data:image/svg+xml")), "{}", answer.text);
    let log = desk.get_as("/admin/api/v1/audit", ADMIN_KEY).await;
    assert_eq!(log.json()["entries"][0]["action"], "session.qr");
    assert!(!log.text.contains("data:image"), "{}", log.text);
}

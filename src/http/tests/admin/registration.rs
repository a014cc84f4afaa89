//! A salon registered by an integrator, at the predecessor's addresses.

use super::*;

const REGISTER: &str = "/marketplace/register";

#[tokio::test]
async fn an_admin_registers_a_salon_and_gets_its_key_and_page_once() {
    let desk = Desk::open().await;
    let operator = desk.key("operator").await;
    let wish = json!({"salon_id": 500, "phone": "8 (916) 123-45-67", "email": "salon@example.org"});
    desk.post_json(REGISTER, &wish).await.is_error(401, "AUTH_REQUIRED", &[]);
    desk.post_json_as(REGISTER, &operator, &wish).await.is_error(403, "ROLE_REQUIRED", &["role"]);
    let answer = desk.post_json_as(REGISTER, ADMIN_KEY, &wish).await;
    assert_eq!(answer.status, 201, "{}", answer.text);
    let body = answer.json();
    assert_eq!((body["company_id"].as_u64(), body["salon_id"].as_u64()), (Some(1), Some(500)));
    let key = body["api_key"].as_str().unwrap();
    assert!(key.starts_with("sk_"));
    let page = body["connect_url"].as_str().unwrap().split_once("3000").unwrap().1;
    desk.get(page).await.is_page(200);
    assert_eq!(desk.get_as("/marketplace/status/1", key).await.json()["integration_status"], "pending");
    let log = desk.get_as("/admin/api/v1/audit", ADMIN_KEY).await;
    assert_eq!(log.json()["entries"][0]["action"], "company.register");
    assert!(!log.text.contains(key) && !log.text.contains("916123"), "{}", log.text);
}

#[tokio::test]
async fn in_the_sandbox_registration_is_open_but_a_wrong_key_is_still_wrong() {
    let desk = Desk::with(HttpSettings { open_registration: true, per_ip_limits: false, ..HttpSettings::default() }).await;
    assert_eq!(desk.post_json(REGISTER, &json!({"salon_id": 500})).await.status, 201);
    desk.post_json_as(REGISTER, "sk_wrong", &json!({"salon_id": 500})).await.is_error(401, "AUTH_INVALID", &[]);
}

#[tokio::test]
async fn wrong_numbers_and_addresses_are_named() {
    let desk = Desk::open().await;
    for (wish, code) in [
        (json!({"salon_id": 0}), "INVALID_SALON_ID"),
        (json!({}), "INVALID_BODY"),
        (json!({"salon_id": 5, "phone": "12"}), "INVALID_PHONE_FORMAT"),
        (json!({"salon_id": 5, "email": "nobody"}), "INVALID_EMAIL"),
    ] {
        desk.post_json_as(REGISTER, ADMIN_KEY, &wish).await.is_error(400, code, &[]);
    }
}

#[tokio::test]
async fn companies_are_counted_as_old_clients_know_it() {
    let desk = Desk::open().await;
    desk.online(77).await;
    desk.register(78).await;
    desk.get("/marketplace/companies").await.is_error(401, "AUTH_REQUIRED", &[]);
    let stats = desk.get_as("/marketplace/companies", ADMIN_KEY).await.json()["stats"].clone();
    assert_eq!((stats["total"].as_u64(), stats["connected"].as_u64()), (Some(2), Some(1)), "{stats}");
    assert!(stats["by_status"]["frozen"].is_u64() && stats["last_24h"]["new_connections"].is_u64(), "{stats}");
}

//! Connect, callback, status and the other partner calls.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::URL_SAFE};
use frontdesk_sandbox::{Sandbox, SandboxConfig, TEST_APPLICATION_ID, TEST_PARTNER_TOKEN, yclients};
use reqwest::{Method, StatusCode, Url};
use serde_json::{Value, json};

use crate::support::{ACCEPT, SALON, World, config, registration};

#[tokio::test]
async fn connect_makes_it_pending_and_signs_a_fresh_redirect_each_time() {
    let world = World::start().await;
    assert_eq!(world.state().await, "none");
    let mut seen = Vec::new();
    for _ in 0..2 {
        let answer = world.act("connect").await;
        let url = Url::parse(answer["redirect_url"].as_str().unwrap()).unwrap();
        assert!(url.as_str().starts_with("http://127.0.0.1:3000/auth/yclients/redirect?"));
        let query: HashMap<_, _> = url.query_pairs().into_owned().collect();
        let decoded = URL_SAFE.decode(&query["user_data"]).unwrap();
        assert_eq!(query["user_data_sign"], yclients::sign(TEST_PARTNER_TOKEN, &decoded));
        assert_eq!(query["salon_id"], SALON.to_string());
        seen.push(query["user_data"].clone());
    }
    assert_ne!(seen[0], seen[1]);
    assert_eq!(world.state().await, "pending");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_callback_installs_once_then_is_refused() {
    let world = World::start().await;
    assert_eq!(world.callback().await.unwrap().status(), StatusCode::FORBIDDEN, "nobody pressed Connect");
    world.act("connect").await;
    assert_eq!(world.callback().await.unwrap().status(), StatusCode::CREATED);
    let again = world.callback().await.unwrap();
    assert_eq!(again.status(), StatusCode::FORBIDDEN);
    let body: Value = again.json().await.unwrap();
    assert!(body["meta"]["message"].as_str().unwrap().contains("уже установил"));
    assert_eq!((body["success"].clone(), body["data"].clone()), (json!(false), Value::Null));
    assert_eq!(world.state().await, "active");
    world.act("connect").await;
    assert_eq!(world.state().await, "active", "connecting again breaks nothing");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_browser_variant_of_the_callback_answers_301() {
    let world = World::start().await;
    world.act("connect").await;
    let path = "/marketplace/partner/callback/redirect";
    let answer = world.partner(Method::POST, path, Some(registration(&[]))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::MOVED_PERMANENTLY);
    let page = world.client.get(answer.headers()["location"].to_str().unwrap()).send().await.unwrap();
    assert!(page.text().await.unwrap().starts_with("<!doctype html>"), "who follows gets a page, not JSON");
    assert_eq!(world.state().await, "active");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn an_unknown_salon_does_not_exist_anywhere() {
    let world = World::start().await;
    let status = format!("/marketplace/salon/9/application/{TEST_APPLICATION_ID}");
    for path in [status.as_str(), "/api/v1/company/9/", "/nowhere"] {
        assert_eq!(world.partner(Method::GET, path, None).await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/control/salons/9/connect", "/control/salons/9/record", "/control/salons/9/freeze"] {
        let (status, body) = world.control_raw(Method::POST, path, json!({})).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(body["error"].is_string());
    }
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_call_without_the_bearer_is_refused_and_the_old_format_has_no_envelope() {
    let world = World::start().await;
    let url = format!("{}/api/v1/company/{SALON}/", world.sandbox.addresses().yclients);
    let stranger = world.client.get(&url).header("accept", ACCEPT).bearer_auth("wrong").send().await.unwrap();
    assert_eq!(stranger.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(stranger.json::<Value>().await.unwrap()["meta"]["message"], "Необходима авторизация");
    let old = world.client.get(&url).bearer_auth(TEST_PARTNER_TOKEN).send().await.unwrap();
    let old: Value = old.json().await.unwrap();
    assert_eq!((&old["success"], &old["id"]), (&Value::Null, &json!(SALON)));
    let with_user = format!("Bearer {TEST_PARTNER_TOKEN}, User abc");
    let new = world.client.get(&url).header("accept", ACCEPT).header("authorization", with_user);
    assert_eq!(new.send().await.unwrap().json::<Value>().await.unwrap()["data"]["timezone_name"], "Europe/Moscow");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn wrong_callbacks_are_refused_with_the_field() {
    let world = World::start().await;
    world.act("connect").await;
    let cases = [
        (json!({"salon_id": SALON.to_string()}), "salon_id"),
        (json!({"application_id": "ai-admin"}), "application_id"),
        (json!({"webhook_urls": {"records": "http://127.0.0.1/x"}}), "webhook_urls"),
        (json!({"webhook_urls": ["not an address"]}), "webhook_urls"),
        (json!({"channels": ["pigeon"]}), "channels"),
    ];
    for (change, field) in cases {
        let mut body = registration(&[]);
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let answer = world.partner(Method::POST, "/marketplace/partner/callback", Some(body)).await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY, "{field}");
        assert!(answer.json::<Value>().await.unwrap()["meta"]["errors"][field].is_array(), "{field}");
    }
    let mut foreign = registration(&[]);
    foreign["application_id"] = json!(1);
    let answer = world.partner(Method::POST, "/marketplace/partner/callback", Some(foreign)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    assert_eq!(world.state().await, "pending");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_payment_unfreezes_and_can_be_refunded() {
    let world = World::start().await;
    world.act("connect").await;
    world.callback().await.unwrap();
    world.act("freeze").await;
    assert_eq!(world.state().await, "freezed");
    let day = "2026-12-01 00:00:00";
    let payment = json!({"salon_id": SALON, "application_id": TEST_APPLICATION_ID, "payment_sum": 990.99,
        "currency_iso": "RUB", "payment_date": day, "period_from": day, "period_to": day});
    let paid = world.partner(Method::POST, "/marketplace/partner/payment", Some(payment)).await.unwrap();
    let number = paid.json::<Value>().await.unwrap()["data"]["id"].as_u64().unwrap();
    assert_eq!(world.state().await, "active");
    let refund = format!("/marketplace/partner/payment/refund/{number}");
    assert_eq!(world.partner(Method::POST, &refund, None).await.unwrap().status(), StatusCode::OK);
    assert_eq!(world.status().await.1["data"]["payments"][0]["is_refunded"], true);
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_partner_uninstalls_once() {
    let world = World::start().await;
    world.act("connect").await;
    world.callback().await.unwrap();
    let path = format!("/marketplace/salon/{SALON}/application/{TEST_APPLICATION_ID}/uninstall");
    assert_eq!(world.partner(Method::POST, &path, None).await.unwrap().status(), StatusCode::OK);
    assert_eq!(world.partner(Method::POST, &path, None).await.unwrap().status(), StatusCode::NOT_FOUND);
    assert_eq!(world.state().await, "none");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn lists_carry_ids_as_text_and_need_both_page_and_count() {
    let world = World::start().await;
    world.act("connect").await;
    world.callback().await.unwrap();
    let list = format!("/marketplace/application/{TEST_APPLICATION_ID}/salons");
    let without = world.partner(Method::GET, &format!("{list}?page=1"), None).await.unwrap();
    assert_eq!(without.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let page = world.partner(Method::GET, &format!("{list}?page=1&count=100"), None).await.unwrap();
    assert_eq!(page.json::<Value>().await.unwrap()["data"][0]["id"], SALON.to_string());
    let beyond = world.partner(Method::GET, &format!("{list}?page=2&count=100"), None).await.unwrap();
    assert_eq!(beyond.json::<Value>().await.unwrap()["data"], json!([]));
    let companies = world.partner(Method::GET, &format!("/api/v1/companies?id={SALON}"), None).await.unwrap();
    assert_eq!(companies.json::<Value>().await.unwrap()["data"][0]["id"], SALON.to_string());
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn nothing_but_loopback_is_listened_on() {
    for pick in [0, 1, 2] {
        let mut config = config();
        let open = "0.0.0.0:0".parse().unwrap();
        *[&mut config.whatsapp, &mut config.yclients, &mut config.control][pick] = open;
        let refused = Sandbox::start(config).await.err().expect("refused").to_string();
        assert!(refused.contains("loopback"), "{refused}");
    }
    let abroad = SandboxConfig { server_url: "http://example.com".into(), ..config() };
    assert!(Sandbox::start(abroad).await.is_err());
}

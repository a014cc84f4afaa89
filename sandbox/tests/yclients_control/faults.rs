//! Faults on demand, limits, and the record of what was asked.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::{SALON, World};

async fn calls(world: &World) -> Vec<Value> {
    let path = format!("/control/yclients/calls?salon_id={SALON}");
    world.control(Method::GET, &path, json!({})).await.as_array().unwrap().clone()
}

#[tokio::test]
async fn a_status_fault_counts_down_and_the_installation_is_untouched() {
    let world = World::start().await;
    world.act("connect").await;
    let fault = json!({"service": "yclients", "target": SALON.to_string(), "fault": "status", "code": 429,
        "times": 2, "retry_after": 3});
    world.fault(fault).await;
    for _ in 0..2 {
        let answer = world.callback().await.unwrap();
        assert_eq!(answer.status(), StatusCode::TOO_MANY_REQUESTS);
        assert_eq!(answer.headers()["retry-after"], "3");
    }
    assert_eq!(world.state().await, "pending");
    assert_eq!(world.callback().await.unwrap().status(), StatusCode::CREATED);
    let stats = world.control(Method::GET, "/control/stats", json!({})).await;
    assert_eq!(stats["yclients"]["faults_injected"]["status"], 2);
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_lost_answer_still_installs() {
    let world = World::start().await;
    world.act("connect").await;
    world.fault(json!({"service": "yclients", "target": "*", "fault": "close", "times": 1})).await;
    assert!(world.callback().await.is_err(), "the connection drops");
    assert_eq!(world.state().await, "active");
    let callback = calls(&world).await.into_iter().find(|call| call["method"] == "POST").unwrap();
    assert_eq!((&callback["status"], &callback["answered"], &callback["fault"]), (&json!(201), &json!(false), &json!("close")));
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn lasting_faults_of_both_services_are_listed_as_they_can_be_set_again() {
    let world = World::start().await;
    let faults = [
        json!({"service": "yclients", "target": SALON.to_string(), "fault": "close_before"}),
        json!({"service": "whatsapp", "target": "*", "fault": "outage", "duration_ms": 60_000}),
        json!({"service": "whatsapp", "target": "*", "fault": "refuse_upgrade", "code": 429}),
    ];
    for fault in &faults {
        world.fault(fault.clone()).await;
    }
    world.fault(json!({"service": "whatsapp", "fault": "drop"})).await;
    let listed = world.control(Method::GET, "/control/faults", json!({})).await;
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), 3, "what is over at once is not listed: {listed:?}");
    for fault in &faults {
        let same = |shown: &&serde_json::Value| fault.as_object().unwrap().iter().all(|(key, value)| shown[key] == *value);
        assert!(listed.iter().any(|shown| same(&shown)), "{fault} is not in {listed:?}");
    }
    world.control(Method::DELETE, "/control/faults", json!({})).await;
    assert_eq!(world.control(Method::GET, "/control/faults", json!({})).await, json!([]));
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_connection_dropped_before_leaves_everything_as_it_was() {
    let world = World::start().await;
    world.act("connect").await;
    world.fault(json!({"service": "yclients", "target": SALON, "fault": "close_before"})).await;
    assert!(world.callback().await.is_err());
    assert!(world.callback().await.is_err(), "for ever without times");
    assert_eq!(world.state().await, "pending");
    world.control(Method::DELETE, "/control/faults", json!({})).await;
    assert_eq!(world.callback().await.unwrap().status(), StatusCode::CREATED);
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn silence_lasts_until_the_caller_gives_up() {
    let world = World::start().await;
    world.act("connect").await;
    world.fault(json!({"service": "yclients", "target": "*", "fault": "silence", "processed": true})).await;
    let waited = tokio::time::timeout(Duration::from_millis(300), world.callback()).await;
    assert!(waited.is_err());
    assert_eq!(world.state().await, "active");
    // A call in silence doesn't hold up the end.
    let started = Instant::now();
    let silent = tokio::spawn({
        let (client, url) = (world.client.clone(), world.sandbox.addresses().yclients);
        async move { client.post(format!("{url}/marketplace/partner/callback")).send().await.is_err() }
    });
    while calls(&world).await.len() < 2 {
        tokio::task::yield_now().await;
    }
    world.sandbox.shutdown().await;
    assert!(silent.await.unwrap());
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn redirect_already_installed_html_and_delay_do_what_they_say() {
    let world = World::start().await;
    world.act("connect").await;
    world.fault(json!({"service": "yclients", "fault": "already_installed", "times": 1})).await;
    assert_eq!(world.callback().await.unwrap().status(), StatusCode::FORBIDDEN);
    assert_eq!(world.state().await, "pending");
    world.fault(json!({"service": "yclients", "fault": "html", "code": 502, "times": 1})).await;
    let page = world.callback().await.unwrap();
    assert_eq!((page.status(), page.headers()["content-type"].to_str().unwrap()), (StatusCode::BAD_GATEWAY, "text/html; charset=utf-8"));
    world.fault(json!({"service": "yclients", "fault": "delay", "ms": 150, "times": 1})).await;
    world.fault(json!({"service": "yclients", "fault": "redirect", "times": 1})).await;
    let started = Instant::now();
    assert_eq!(world.callback().await.unwrap().status(), StatusCode::MOVED_PERMANENTLY);
    assert!(started.elapsed() >= Duration::from_millis(150));
    assert_eq!(world.state().await, "active");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_fault_on_another_endpoint_leaves_the_callback_alone() {
    let world = World::start().await;
    world.act("connect").await;
    world.fault(json!({"service": "yclients", "fault": "status", "code": 500, "endpoint": "status"})).await;
    assert_eq!(world.status().await.0, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(world.callback().await.unwrap().status(), StatusCode::CREATED);
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn mistakes_in_faults_are_named() {
    let world = World::start().await;
    for bad in [
        json!({"service": "yclients", "fault": "explode"}),
        json!({"service": "yclients", "fault": "status", "code": 200}),
        json!({"service": "yclients", "fault": "close", "time": 1}),
        json!({"service": "yclients", "target": "salon", "fault": "close"}),
        json!({"service": "whatsapp", "fault": "explode"}),
        json!({"service": "post", "fault": "close"}),
        json!([]),
    ] {
        let (status, answer) = world.control_raw(Method::POST, "/control/faults", bad.clone()).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{bad}");
        assert!(answer["error"].is_string());
    }
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn calls_are_recorded_without_secrets() {
    let world = World::start().await;
    world.act("connect").await;
    world.callback().await.unwrap();
    let recorded = calls(&world).await;
    let text = serde_json::to_string(&recorded).unwrap();
    assert!(!text.contains("sk_test_key") && !text.contains(frontdesk_sandbox::TEST_PARTNER_TOKEN), "{text}");
    assert_eq!(recorded[0]["path"], "/marketplace/partner/callback");
    assert_eq!((&recorded[0]["status"], &recorded[0]["salon_id"]), (&json!(201), &json!(SALON)));
    assert_eq!(recorded[0]["body"]["api_key_sha256"].as_str().unwrap().len(), 16);
    let others = world.control(Method::GET, "/control/yclients/calls?salon_id=1", json!({})).await;
    assert_eq!(others, json!([]));
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_limits_per_address_apply_once_switched_on() {
    let world = World::start().await;
    for _ in 0..10 {
        assert_ne!(world.status().await.0, StatusCode::TOO_MANY_REQUESTS);
    }
    world.control(Method::POST, "/control/yclients/limits", json!({"enabled": true})).await;
    let mut refused = 0;
    for _ in 0..40 {
        refused += usize::from(world.status().await.0 == StatusCode::TOO_MANY_REQUESTS);
    }
    assert!(refused > 0);
    world.sandbox.shutdown().await;
}

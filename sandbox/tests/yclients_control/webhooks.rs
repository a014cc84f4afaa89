//! Webhooks to the server.

use frontdesk_sandbox::{TEST_APPLICATION_ID, TEST_PARTNER_TOKEN};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::support::{Receiver, SALON, World, registration};

#[tokio::test]
async fn freeze_and_uninstall_reach_the_server_with_the_partner_token() {
    let (world, server) = (World::start().await, Receiver::start().await);
    world.control(Method::POST, "/control/server", json!({"url": server.url})).await;
    world.act("connect").await;
    world.callback().await.unwrap();
    for event in ["freeze", "uninstall", "uninstall"] {
        let answer = world.act(event).await;
        assert_eq!((&answer["webhook"]["delivered"], &answer["webhook"]["status"]), (&json!(true), &json!(200)));
    }
    let received = server.received();
    let expected = |event: &str| json!({"salon_id": SALON, "application_id": TEST_APPLICATION_ID, "event": event, "partner_token": TEST_PARTNER_TOKEN});
    assert_eq!(received[0], ("/webhook/yclients".into(), expected("freeze")));
    assert_eq!(received[1], ("/webhook/yclients".into(), expected("uninstall")));
    assert_eq!(received.len(), 3, "a repeated uninstall is sent again");
    assert_eq!(world.state().await, "none");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_server_that_is_down_is_reported_and_the_state_changes_nevertheless() {
    let (world, server) = (World::start().await, Receiver::start().await);
    world.sandbox.set_server_url(&server.url).unwrap();
    drop(server);
    world.act("connect").await;
    world.callback().await.unwrap();
    let answer = world.act("uninstall").await;
    assert_eq!((&answer["changed"], &answer["webhook"]["delivered"]), (&json!(true), &json!(false)));
    assert!(answer["webhook"]["error"].is_string());
    assert_eq!(world.state().await, "none");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_partners_own_uninstall_is_announced_too() {
    let (world, server) = (World::start().await, Receiver::start().await);
    world.sandbox.set_server_url(&server.url).unwrap();
    world.act("connect").await;
    let path = format!("/marketplace/salon/{SALON}/application/{TEST_APPLICATION_ID}/uninstall");
    world.partner(Method::POST, &path, None).await.unwrap();
    assert_eq!(server.wait_for(1).await[0].1["event"], "uninstall");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn a_record_goes_to_every_registered_url() {
    let (world, server) = (World::start().await, Receiver::start().await);
    world.act("connect").await;
    let record = format!("/control/salons/{SALON}/record");
    let (early, _) = world.control_raw(Method::POST, &record, json!({})).await;
    assert_eq!(early, StatusCode::CONFLICT, "nothing registered yet");
    let urls = [format!("{}/data/{SALON}/secret", server.url), "http://192.0.2.1/abroad".to_owned()];
    let callback = world.partner(Method::POST, "/marketplace/partner/callback", Some(registration(&urls))).await;
    assert_eq!(callback.unwrap().status(), StatusCode::CREATED);
    let answer = world.control(Method::POST, &record, json!({"attendance": 2, "status": "update"})).await;
    assert_eq!(answer["webhooks"][0]["delivered"], true);
    assert_eq!(answer["webhooks"][1]["delivered"], false, "never to another machine");
    assert!(!answer.to_string().contains("/secret"));
    let (path, event) = &server.received()[0];
    assert_eq!(path, &format!("/data/{SALON}/secret"));
    assert_eq!((&event["resource"], &event["company_id"], &event["status"]), (&json!("record"), &json!(SALON), &json!("update")));
    assert_eq!(event["data"]["attendance"], 2);
    world.sandbox.shutdown().await;
}

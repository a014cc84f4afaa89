//! The control page, the way from it to the server, and who may call the control API.

use axum::{
    Json, Router,
    http::StatusCode as Code,
    response::Redirect,
    routing::{get, post},
};
use reqwest::{Method, StatusCode};
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{SALON, World, ephemeral};

#[tokio::test]
async fn the_page_needs_nothing_from_elsewhere() {
    let world = World::start().await;
    let base = world.sandbox.control_url();
    for (path, kind) in [("/", "text/html"), ("/page.js", "text/javascript"), ("/texts.js", "text/javascript"), ("/page.css", "text/css")] {
        let answer = world.client.get(format!("{base}{path}")).send().await.unwrap();
        assert!(answer.headers()["content-type"].to_str().unwrap().starts_with(kind));
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
        let text = answer.text().await.unwrap();
        assert!(!text.contains("https://") && !text.contains("innerHTML"), "{path}");
    }
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_connect_link_presses_the_button_and_leads_to_the_server() {
    let world = World::start().await;
    let link = format!("{}/control-page/salons/{SALON}/open", world.sandbox.control_url());
    let answer = world.client.get(link).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FOUND);
    let location = answer.headers()["location"].to_str().unwrap();
    assert!(location.starts_with("http://127.0.0.1:3000/auth/yclients/redirect?salon_id="));
    assert_eq!(world.state().await, "pending");
    world.sandbox.shutdown().await;
}

/// A server that knows the redirect and the QR call, and needs asking twice.
async fn onboarding_server() -> String {
    let listener = TcpListener::bind(ephemeral()).await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let qr = move |headers: axum::http::HeaderMap| async move {
        if headers["authorization"] != "Bearer page-token" {
            (Code::UNAUTHORIZED, Json(json!({"error": "who?"})))
        } else if asked.swap(true, std::sync::atomic::Ordering::SeqCst) {
            (Code::OK, Json(json!({"qr": "not a code"})))
        } else {
            (Code::SERVICE_UNAVAILABLE, Json(json!({"error": "not yet", "retry_after": 1})))
        }
    };
    let app = Router::new()
        .route("/auth/yclients/redirect", get(|| async { Redirect::to("/marketplace/onboarding?token=page-token") }))
        .route("/marketplace/api/qr", post(qr));
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

#[tokio::test]
async fn scanning_the_page_takes_the_code_from_the_server() {
    let world = World::start().await;
    world.sandbox.set_server_url(&onboarding_server().await).unwrap();
    let path = "/control/phones/79000000009/scan-page";
    let (status, answer) = world.control_raw(Method::POST, path, json!({"salon_id": SALON})).await;
    assert_eq!((status, answer["error"].as_str().unwrap().contains("Connect")), (StatusCode::CONFLICT, true));
    world.act("connect").await;
    // The code of this server is none: that the phone says so proves that it was fetched and held out to it.
    let (status, answer) = world.control_raw(Method::POST, path, json!({"salon_id": SALON})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{answer}");
    assert!(answer["error"].as_str().unwrap().contains("QR"), "{answer}");
    let phones = world.control(Method::GET, "/control/phones", json!({})).await;
    assert_eq!(phones[0]["number"], "79000000009", "the phone was made on the way");
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn the_demo_has_two_salons_and_two_phones() {
    let world = World::start().await;
    world.sandbox.seed_demo().unwrap();
    let salons = world.control(Method::GET, "/control/salons", json!({})).await;
    assert_eq!((&salons[0]["title"], &salons[1]["timezone"]), (&json!("Салон Ромашка"), &json!("Asia/Yekaterinburg")));
    assert_eq!(salons[0]["status"], "uninstalled");
    let phones = world.control(Method::GET, "/control/phones", json!({})).await;
    assert_eq!((phones.as_array().unwrap().len(), &phones[0]["linked"]), (2, &json!([])));
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn errors_are_words() {
    let world = World::start().await;
    for (method, path, expected) in [
        (Method::GET, "/control/nothing", StatusCode::NOT_FOUND),
        (Method::DELETE, "/control/salons", StatusCode::METHOD_NOT_ALLOWED),
        (Method::POST, "/control/salons/x/connect", StatusCode::BAD_REQUEST),
        (Method::POST, "/control/phones", StatusCode::BAD_REQUEST),
        (Method::POST, "/control/phones/79000000001/scan", StatusCode::BAD_REQUEST),
        (Method::GET, "/control/phones/79000000001/messages", StatusCode::NOT_FOUND),
        (Method::GET, "/control/yclients/calls?salon_id=x", StatusCode::BAD_REQUEST),
    ] {
        let (status, answer) = world.control_raw(method, path, json!({})).await;
        assert_eq!(status, expected, "{path}");
        assert!(answer["error"].is_string(), "{path}");
    }
    world.sandbox.shutdown().await;
}

#[tokio::test]
async fn foreign_pages_and_huge_bodies_are_refused() {
    let world = World::start().await;
    let url = format!("{}/control/salons", world.sandbox.control_url());
    let foreign = world.client.post(&url).header("origin", "https://example.com").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::FORBIDDEN);
    let rebound = world.client.get(&url).header("host", "example.com").send().await.unwrap();
    assert_eq!(rebound.status(), StatusCode::FORBIDDEN);
    let large = world.client.post(&url).body("x".repeat(300_000)).send().await.unwrap();
    assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE);
    world.sandbox.shutdown().await;
}

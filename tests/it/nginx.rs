//! The site of config/nginx.conf in a real nginx in front of a server: sockets, addresses, sizes, and what its log keeps to itself.

use std::net::{IpAddr, Ipv4Addr};

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};

use crate::support::nginx::Nginx;
use crate::support::node::{JWT_SECRET, run};
use crate::support::stage::Stage;

const SALON: u64 = 500_001;

/// A server that believes nginx, and nginx in front of it.
async fn behind_nginx(limits: bool) -> (Stage, Nginx) {
    let mut stage = Stage::without_server().await;
    let nginx = Nginx::in_front_of(stage.port).await;
    stage.set("BASE_URL", &nginx.url);
    stage.set("JWT_SECRET", JWT_SECRET);
    stage.set("FRONTDESK_SERVER_TRUSTED_PROXIES", "127.0.0.1");
    stage.set("FRONTDESK_SERVER_RATE_LIMITS", if limits { "true" } else { "false" });
    stage.front = Some((nginx.url.clone(), nginx.certificate.clone()));
    stage.start().await;
    (stage, nginx)
}

/// A browser at this address of the loopback network.
fn client_at(last: u8) -> Client {
    let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, last));
    let builder = Client::builder().no_proxy().local_address(address).tls_danger_accept_invalid_certs(true);
    builder.build().expect("a client")
}

#[tokio::test]
async fn nginx_passes_the_upgrade_and_polling_of_the_official_client() {
    for transport in ["websocket", "polling", "upgrade"] {
        let (mut stage, _nginx) = behind_nginx(false).await;
        run(&mut stage, "sockets.mjs", &["theJourneyIsToldInOrder", transport]).await;
    }
}

#[tokio::test]
async fn nginx_tells_the_clients_address_and_a_client_cannot_tell_another() {
    let (_stage, nginx) = behind_nginx(true).await;
    let url = format!("{}/marketplace/test", nginx.url);
    let (flooding, quiet) = (client_at(2), client_at(3));
    let mut refused = false;
    for _ in 0..80 {
        let answer = flooding.get(&url).send().await.expect("an answer");
        refused |= answer.status() == StatusCode::TOO_MANY_REQUESTS;
    }
    assert!(refused, "the limit of 60 a minute holds for one address");
    let disguised = flooding.get(&url).header("x-forwarded-for", "203.0.113.7").send().await.expect("an answer");
    assert_eq!(disguised.status(), StatusCode::TOO_MANY_REQUESTS, "a made-up address changes nothing");
    let other = quiet.get(&url).send().await.expect("an answer");
    assert_eq!(other.status(), StatusCode::OK, "another address has its own share");
}

#[tokio::test]
async fn nginx_lets_large_webhooks_through_and_keeps_tokens_out_of_its_log() {
    let (mut stage, nginx) = behind_nginx(false).await;
    let client = client_at(2);
    let post = |path: &str, bytes: usize| client.post(format!("{}{path}", nginx.url)).body("x".repeat(bytes)).send();
    let webhook = post("/webhook/yclients", 1_000_000).await.expect("an answer");
    assert_eq!(webhook.status(), StatusCode::BAD_REQUEST, "it reached the server, which found no JSON");
    for (path, bytes) in [("/webhook/yclients", 1_500_000), ("/marketplace/activate", 100_000)] {
        let large = post(path, bytes).await.expect("an answer");
        assert_eq!(large.status(), StatusCode::PAYLOAD_TOO_LARGE, "{path}");
        let body: Value = large.json().await.expect("the envelope");
        assert_eq!((&body["success"], &body["code"]), (&json!(false), &json!("BODY_TOO_LARGE")));
        assert!(body["request_id"].as_str().is_some_and(|id| id.len() > 10));
    }

    stage.salon(SALON, "Салон").await;
    let token = stage.onboard(SALON).await;
    let page = client.get(format!("{}/marketplace/onboarding?token={token}", nginx.url)).send().await.expect("an answer");
    assert_eq!(page.status(), StatusCode::OK);
    assert!(page.headers().contains_key("x-request-id"));
    for path in [format!("/marketplace/qr/{token}"), format!("/webhook/yclients/data/{SALON}/{token}")] {
        let _ = client.get(format!("{}{path}", nginx.url)).send().await.expect("an answer");
    }
    assert_eq!(client.get(format!("{}/metrics", nginx.url)).send().await.expect("an answer").status(), StatusCode::NOT_FOUND);
    stage.kill().await;
    let gone = client.get(format!("{}/marketplace/onboarding?token={token}", nginx.url)).send().await.expect("an answer");
    assert_eq!(gone.status(), StatusCode::BAD_GATEWAY);
    let log = nginx.log();
    assert!(log.contains("GET /marketplace/onboarding 200"), "{log}");
    assert!(!log.contains(&token), "{log}");
}

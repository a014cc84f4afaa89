//! The way out per company, through real proxies: who has one goes out by it or not at all.

use serde_json::Value;

use crate::support::proxy::{Kind, PASSWORD, Proxy, USER};
use crate::support::stage::{Stage, eventually};

const SALON: u64 = 500_001;
const PHONE: &str = "79001110001";

/// A stage that asks WhatsApp for its version, as a server in the field does.
async fn stage() -> Stage {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_WHATSAPP_CLIENT_VERSION", "");
    stage
}

fn service_port(stage: &Stage) -> u16 {
    stage.sandbox.whatsapp().local_addr().port()
}

fn waits_for_its_proxy(status: &Value) -> bool {
    status["state"] == "Backoff" && status["reason"] == "proxy_failed"
}

/// Times that the server said that a proxy does not serve it.
fn complaints(stage: &Stage) -> usize {
    stage.log().lines().filter(|line| line.contains("no way out") || line.contains("could not be opened")).count()
}

async fn out_and_back(kind: Kind) {
    let mut proxy = Proxy::start(kind).await;
    let mut stage = stage().await;
    stage.set("FRONTDESK_EGRESS_DEFAULT", proxy.bare_address());
    stage.set("FRONTDESK_EGRESS_USERNAME", USER);
    stage.set("FRONTDESK_EGRESS_PASSWORD", PASSWORD);
    stage.start().await;
    let token = stage.connect(SALON, PHONE).await;
    let opened = proxy.opened(service_port(&stage));
    assert!(opened >= 3, "the version, the pairing and the login went through the proxy, not only {opened}");

    let before = stage.sandbox.whatsapp().stats();
    proxy.kill().await;
    stage.status_when(SALON, &token, waits_for_its_proxy).await;
    let told = complaints(&stage);
    eventually("it tries again and again", async || complaints(&stage) >= told + 2).await;
    let without = stage.sandbox.whatsapp().stats();
    assert_eq!((without.sockets, without.links, without.logins), (0, 0, before.logins), "no connection around the proxy");

    proxy.start_again().await;
    stage.status_when(SALON, &token, |status| status["connected"] == true).await;
    assert!(proxy.opened(service_port(&stage)) > opened);
    let log = stage.log();
    assert!(!log.contains(PASSWORD) && !log.contains(&proxy.bare_address()), "neither password nor address in the log");
}

#[tokio::test]
async fn egress_by_socks5_a_salon_comes_online_waits_for_a_dead_proxy_and_comes_back() {
    out_and_back(Kind::Socks5).await;
}

#[tokio::test]
async fn egress_by_http_connect_a_salon_comes_online_waits_for_a_dead_proxy_and_comes_back() {
    out_and_back(Kind::Http).await;
}

async fn refused(kind: Kind, version: &str) {
    let proxy = Proxy::start(kind).await;
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_WHATSAPP_CLIENT_VERSION", version);
    stage.set("FRONTDESK_EGRESS_DEFAULT", proxy.address("wrong"));
    stage.start().await;
    stage.salon(SALON, "Салон").await;
    let token = stage.onboard(SALON).await;
    // Somebody waits for a code: without that, an unpaired session dials no more.
    let waiting = tokio::spawn(stage.http.post(stage.url("/marketplace/api/qr")).bearer_auth(&token).send());
    stage.status_when(SALON, &token, waits_for_its_proxy).await;
    waiting.abort();
    assert_eq!(stage.sandbox.whatsapp().stats().sockets, 0);
    assert!(stage.log().contains("the proxy refuses our login"), "{}", stage.log());
}

#[tokio::test]
async fn egress_a_refused_login_is_a_state_of_its_own_at_the_look_up() {
    refused(Kind::Socks5, "").await;
    refused(Kind::Http, "").await;
}

#[tokio::test]
async fn egress_a_refused_login_is_a_state_of_its_own_at_the_dial() {
    refused(Kind::Socks5, "2.3000.1030000000").await;
    refused(Kind::Http, "2.3000.1030000000").await;
}

#[tokio::test]
async fn egress_each_salon_goes_out_by_its_own_proxy_and_only_its_own_concerns_it() {
    let (mut socks5, http) = (Proxy::start(Kind::Socks5).await, Proxy::start(Kind::Http).await);
    let mut stage = stage().await;
    let ways = format!("{SALON}={},{}=direct", socks5.address(PASSWORD), SALON + 2);
    stage.set("FRONTDESK_EGRESS_COMPANIES", ways);
    stage.set("FRONTDESK_EGRESS_POOL", http.address(PASSWORD));
    stage.start().await;
    let port = service_port(&stage);
    let first = stage.connect(SALON, PHONE).await;
    assert!(socks5.opened(port) >= 2 && http.opened(port) == 0);
    let by_socks5 = socks5.opened(port);
    let second = stage.connect(SALON + 1, "79001110002").await;
    assert!(http.opened(port) >= 2);
    let by_http = http.opened(port);
    let third = stage.connect(SALON + 2, "79001110003").await;
    assert_eq!((socks5.opened(port), http.opened(port)), (by_socks5, by_http), "the third goes directly");

    socks5.kill().await;
    stage.status_when(SALON, &first, waits_for_its_proxy).await;
    for (salon, token) in [(SALON + 1, second), (SALON + 2, third)] {
        assert_eq!(stage.status(salon, &token).await["connected"], true);
    }
}

//! Traces for a collector: a request's spans arrive there, with its id and nothing secret; a collector that is gone hurts nobody.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::routing::post;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::support::stage::{Stage, eventually, free_port};

const SALON: u64 = 500_001;

/// Takes traces and keeps them as they come.
struct Collector {
    port: u16,
    received: Arc<watch::Sender<Vec<u8>>>,
    _server: AbortOnDropHandle<()>,
}

impl Collector {
    async fn start() -> Self {
        let received = Arc::new(watch::Sender::new(Vec::new()));
        let take = async |State(received): State<Arc<watch::Sender<Vec<u8>>>>, body: Bytes| {
            received.send_modify(|all| all.extend_from_slice(&body));
        };
        let router = Router::new().route("/v1/traces", post(take)).with_state(received.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let server = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { port, received, _server: AbortOnDropHandle::new(server) }
    }

    /// Protobuf keeps texts as they are.
    fn has(&self, text: &str) -> bool {
        self.received.borrow().windows(text.len()).any(|part| part == text.as_bytes())
    }
}

#[tokio::test]
async fn a_requests_spans_reach_the_collector_without_its_secrets() {
    let collector = Collector::start().await;
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_LOG_TRACES", format!("http://127.0.0.1:{}/v1/traces", collector.port));
    stage.start().await;
    stage.salon(SALON, "Салон").await;
    let redirect = stage.press_connect(SALON).await;
    let answer = stage.http.get(redirect).header("x-request-id", "traced-1").send().await.expect("an answer");
    let token = crate::support::stage::token_of(answer.headers()["location"].to_str().expect("a location"));
    stage.qr(&token).await;
    assert_eq!(stage.stop().await, Some(0), "the last spans are sent before the end");
    eventually("the spans arrive", async || collector.has("http.request")).await;
    for text in ["frontdesk", "service.version", "request.id", "traced-1", "company.id", "/auth/yclients/redirect"] {
        assert!(collector.has(text), "no {text}");
    }
    assert!(!collector.has(&token) && !collector.has("sandbox-partner-token"));
}

#[tokio::test]
async fn a_collector_that_is_not_there_hurts_nobody() {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_LOG_TRACES", format!("http://127.0.0.1:{}/v1/traces", free_port()));
    stage.start().await;
    stage.salon(SALON, "Салон").await;
    stage.onboard(SALON).await;
    assert_eq!(stage.stop().await, Some(0));
}

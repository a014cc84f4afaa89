//! A sandbox of its own for every test, the two sides that talk to it, and a server that receives webhooks.

#![expect(clippy::disallowed_types, reason = "a test's receiver is no actor")]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{Json, Router, extract::State, http::Uri};
use frontdesk_sandbox::{Sandbox, SandboxConfig, TEST_APPLICATION_ID, TEST_PARTNER_TOKEN};
use reqwest::{Client, Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

pub const SALON: u64 = 123_456;
pub const ACCEPT: &str = "application/vnd.yclients.v2+json";

pub fn ephemeral() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub fn config() -> SandboxConfig {
    SandboxConfig { whatsapp: ephemeral(), yclients: ephemeral(), control: ephemeral(), ..SandboxConfig::default() }
}

/// A running sandbox with one salon, [`SALON`].
pub struct World {
    pub sandbox: Sandbox,
    pub client: Client,
}

impl World {
    pub async fn start() -> Self {
        let sandbox = Sandbox::start(config()).await.unwrap();
        let client =
            Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(20)).build().unwrap();
        let world = Self { sandbox, client };
        world.control(Method::POST, "/control/salons", json!({"salon_id": SALON, "title": "Салон"})).await;
        world
    }

    /// A control call that must succeed.
    pub async fn control(&self, method: Method, path: &str, body: Value) -> Value {
        let (status, answer) = self.control_raw(method, path, body).await;
        assert!(status.is_success(), "{path}: {status} {answer}");
        answer
    }

    /// A control call, however it ends.
    pub async fn control_raw(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}{path}", self.sandbox.control_url());
        let answer = self.client.request(method, url).json(&body).send().await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    pub async fn act(&self, action: &str) -> Value {
        self.control(Method::POST, &format!("/control/salons/{SALON}/{action}"), json!({})).await
    }

    pub async fn fault(&self, fault: Value) {
        self.control(Method::POST, "/control/faults", fault).await;
    }

    /// A partner's call as the server makes it.
    pub async fn partner(&self, method: Method, path: &str, body: Option<Value>) -> reqwest::Result<Response> {
        let url = format!("{}{path}", self.sandbox.addresses().yclients);
        let request = self.client.request(method, url).header("accept", ACCEPT).bearer_auth(TEST_PARTNER_TOKEN);
        match body {
            Some(body) => request.json(&body).send().await,
            None => request.send().await,
        }
    }

    pub async fn callback(&self) -> reqwest::Result<Response> {
        self.partner(Method::POST, "/marketplace/partner/callback", Some(registration(&[]))).await
    }

    pub async fn status(&self) -> (StatusCode, Value) {
        let path = format!("/marketplace/salon/{SALON}/application/{TEST_APPLICATION_ID}");
        let answer = self.partner(Method::GET, &path, None).await.unwrap();
        (answer.status(), answer.json().await.unwrap())
    }

    /// `pending`, `active`, … or `none` when the call says 404.
    pub async fn state(&self) -> String {
        let (status, body) = self.status().await;
        let state = body["data"]["connection_status"]["status"].as_str();
        if status == StatusCode::NOT_FOUND { "none".into() } else { state.unwrap().to_owned() }
    }
}

pub fn registration(webhook_urls: &[String]) -> Value {
    json!({"salon_id": SALON, "application_id": TEST_APPLICATION_ID, "api_key": "sk_test_key", "webhook_urls": webhook_urls})
}

/// Path and body of what came, in order.
type Received = Arc<Mutex<Vec<(String, Value)>>>;

/// Receives webhooks and keeps path and body.
pub struct Receiver {
    pub url: String,
    received: Received,
    task: JoinHandle<()>,
}

impl Receiver {
    pub async fn start() -> Self {
        let received = Received::default();
        let app = Router::new().fallback(keep).with_state(received.clone());
        let listener = TcpListener::bind(ephemeral()).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self { url, received, task }
    }

    pub fn received(&self) -> Vec<(String, Value)> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until so many arrived.
    pub async fn wait_for(&self, count: usize) -> Vec<(String, Value)> {
        let enough = async {
            while self.received().len() < count {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), enough).await.expect("the webhooks arrive");
        self.received()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn keep(State(received): State<Received>, uri: Uri, Json(body): Json<Value>) {
    received.lock().unwrap().push((uri.path().to_owned(), body));
}

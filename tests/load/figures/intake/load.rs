//! Sends lifecycle webhooks of events nobody knows: each is authenticated, stored, answered, and leaves one line in its salon's timeline.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use frontdesk_sandbox::{TEST_APPLICATION_ID, TEST_PARTNER_TOKEN};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// Requests on their way at once. Those beyond it wait, and their waiting counts.
const ON_THE_WAY: usize = 256;

/// No answer takes longer, unless there is none.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sends numbered webhooks to one address, salon after salon.
pub struct Load {
    sender: Arc<Sender>,
    salons: Vec<u64>,
    next: u64,
    began: Instant,
}

struct Sender {
    http: reqwest::Client,
    url: String,
    on_the_way: Semaphore,
}

/// One webhook and what became of it.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    pub salon: u64,
    pub number: u64,
    /// Answered with 2xx.
    pub acknowledged: bool,
    /// From the moment it was due.
    pub took_ms: f64,
    /// Seconds since the first webhook of all.
    pub sent_at: f64,
    pub answered_at: f64,
}

/// The name of the event that has this number.
pub fn event_name(number: u64) -> String {
    format!("load-{number}")
}

impl Load {
    pub fn new(port: u16, salons: Vec<u64>) -> Result<Self> {
        Ok(Self { sender: Arc::new(Sender::new(port)?), salons, next: 0, began: Instant::now() })
    }

    /// The same webhooks, to another server.
    pub fn to(&self, port: u16) -> Result<Self> {
        Self::new(port, self.salons.clone())
    }

    pub fn salons(&self) -> &[u64] {
        &self.salons
    }

    /// Sends at a steady rate, whatever the answers take, and waits for the answers.
    pub async fn at_rate(&mut self, per_second: u32, lasting: Duration) -> Vec<Sent> {
        let mut sending = JoinSet::new();
        let begin = Instant::now();
        let count = (lasting.as_secs_f64() * f64::from(per_second)) as u32;
        for place in 0..count {
            let due = begin + Duration::from_secs(1) * place / per_second;
            sleep_until(due).await;
            let (sender, salon, number, began) = (Arc::clone(&self.sender), self.salon(), self.number(), self.began);
            sending.spawn(async move { sender.send(salon, number, due, began).await });
        }
        sending.join_all().await
    }

    /// Each caller sends its next one when the last one is answered.
    pub async fn as_fast_as(&mut self, callers: usize, lasting: Duration) -> Vec<Sent> {
        let until = Instant::now() + lasting;
        let mut calling = JoinSet::new();
        let mut all = Vec::new();
        for _ in 0..callers {
            self.call(&mut calling);
        }
        while let Some(sent) = calling.join_next().await {
            all.extend(sent);
            if Instant::now() < until {
                self.call(&mut calling);
            }
        }
        all
    }

    fn call(&mut self, calling: &mut JoinSet<Sent>) {
        let (sender, salon, number, began) = (Arc::clone(&self.sender), self.salon(), self.number(), self.began);
        calling.spawn(async move { sender.send(salon, number, Instant::now(), began).await });
    }

    fn salon(&self) -> u64 {
        self.salons[(self.next % self.salons.len() as u64) as usize]
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next - 1
    }
}

impl Sender {
    fn new(port: u16) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build()?;
        let url = format!("http://127.0.0.1:{port}/webhook/yclients");
        Ok(Self { http, url, on_the_way: Semaphore::new(ON_THE_WAY) })
    }

    async fn send(&self, salon: u64, number: u64, due: Instant, began: Instant) -> Sent {
        let _place = self.on_the_way.acquire().await.expect("it is never closed");
        let sent_at = began.elapsed().as_secs_f64();
        let body = json!({
            "salon_id": salon, "application_id": TEST_APPLICATION_ID, "partner_token": TEST_PARTNER_TOKEN, "event": event_name(number),
        });
        let acknowledged = self.http.post(&self.url).json(&body).send().await.is_ok_and(|answer| answer.status().is_success());
        let took_ms = due.elapsed().as_secs_f64() * 1000.0;
        Sent { salon, number, acknowledged, took_ms, sent_at, answered_at: began.elapsed().as_secs_f64() }
    }
}

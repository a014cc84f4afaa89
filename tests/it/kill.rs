//! kill -9: at every step of the activation saga, and at random moments a hundred times. Nothing acknowledged is lost, no callback is repeated
//! after a success, every linked session comes online again.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::{Value, json};

use crate::support::stage::{Stage, eventually};

const SALON: u64 = 700_001;
const PHONE: &str = "79002220001";

/// How YClients behaves when the server calls, so that the server can be caught at that step.
struct Step {
    name: &'static str,
    faults: &'static [(&'static str, &'static str, u64)],
    /// Killed when YClients has seen this many callbacks and status questions after the redirect.
    callbacks: usize,
    questions: usize,
}

const STEPS: [Step; 6] = [
    Step { name: "before the callback has an effect", faults: &[("callback", "delay", 1500)], callbacks: 1, questions: 0 },
    Step { name: "after the effect, before the answer", faults: &[("callback", "silence_processed", 0)], callbacks: 1, questions: 0 },
    Step { name: "the answer is lost, nothing happened", faults: &[("callback", "close_before", 0)], callbacks: 1, questions: 0 },
    Step { name: "the answer is lost, the app is installed", faults: &[("callback", "close", 0)], callbacks: 1, questions: 0 },
    Step {
        name: "while the status is being asked",
        faults: &[("callback", "close", 0), ("status", "delay", 1500)],
        callbacks: 1,
        questions: 1,
    },
    Step { name: "after a refusal that passes", faults: &[("callback", "status_503", 0)], callbacks: 1, questions: 0 },
];

async fn put_fault(stage: &Stage, (endpoint, fault, ms): (&str, &str, u64)) {
    let mut body = json!({"service": "yclients", "target": SALON.to_string(), "endpoint": endpoint, "times": 1});
    let extra = match fault {
        "delay" => json!({"fault": "delay", "ms": ms}),
        "silence_processed" => json!({"fault": "silence", "processed": true}),
        "status_503" => json!({"fault": "status", "code": 503}),
        other => json!({"fault": other}),
    };
    body.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
    stage.control("POST", "/control/faults", body).await;
}

/// Callbacks and status questions YClients has seen so far.
async fn seen(stage: &Stage) -> (usize, usize) {
    let calls = stage.calls(SALON).await;
    let count = |wanted: fn(&str) -> bool| calls.iter().filter(|call| call["path"].as_str().is_some_and(wanted)).count();
    (count(|path| path.contains("/partner/callback")), count(|path| path.contains("/application/")))
}

#[tokio::test]
async fn kill_at_every_step_of_the_saga_leaves_one_callback_and_an_active_salon() {
    for step in STEPS {
        let mut stage = Stage::without_server().await;
        stage.set("FRONTDESK_ACTIVATION_BACKOFF_MIN", "50ms");
        stage.start().await;
        stage.salon(SALON, "Салон").await;
        stage.phone(PHONE).await;
        let token = stage.onboard(SALON).await;
        let (_, asked_before) = seen(&stage).await;
        for fault in step.faults {
            put_fault(&stage, *fault).await;
        }
        let qr = stage.qr(&token).await;
        stage.scan(PHONE, &qr).await;
        eventually(step.name, async || {
            let (callbacks, questions) = seen(&stage).await;
            callbacks >= step.callbacks && questions >= asked_before + step.questions
        })
        .await;
        stage.kill().await;
        stage.start().await;
        stage.active(SALON, &token).await;
        assert_eq!(stage.accepted_callbacks(SALON).await, 1, "{}", step.name);
    }
}

#[tokio::test]
async fn kill_between_the_scan_and_the_first_login_keeps_the_pairing_that_was_shown() {
    let mut stage = Stage::open().await;
    stage.salon(SALON, "Салон").await;
    stage.phone(PHONE).await;
    let token = stage.onboard(SALON).await;
    // Logins are held back, so that the session stays between paired and online.
    let slow = json!({"service": "whatsapp", "target": PHONE, "fault": "login_failure", "code": 503, "count": 2});
    stage.control("POST", "/control/faults", slow).await;
    let qr = stage.qr(&token).await;
    stage.scan(PHONE, &qr).await;
    stage.status_when(SALON, &token, |status| matches!(status["state"].as_str(), Some("Pairing" | "Connecting" | "Backoff"))).await;
    stage.kill().await;
    stage.control("DELETE", "/control/faults", Value::Null).await;
    stage.start().await;
    stage.active(SALON, &token).await;
}

/// What a salon was told so far: it must stay true.
#[derive(Clone, Default)]
struct Told {
    token: String,
    /// Its phone's scan was answered with an online session, or a state after the pairing was shown.
    linked: bool,
}

/// Moments of a journey at which the power button is pressed.
#[tokio::test]
async fn kill_a_hundred_times_at_random_loses_nothing_acknowledged() {
    const KILLS: usize = 100;
    const SALONS: u64 = 12;
    let seed = rand::random::<u64>();
    println!("seed {seed}");
    let mut random = StdRng::seed_from_u64(seed);
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_DIALS_PER_SECOND", "0");
    stage.set("FRONTDESK_ACTIVATION_BACKOFF_MIN", "50ms");
    let mut told: BTreeMap<u64, Told> = BTreeMap::new();
    stage.start().await;
    for round in 0..KILLS {
        let salon = 710_000 + random.random_range(0..SALONS);
        let pause = Duration::from_millis(random.random_range(0..400));
        let journey = advance(&stage, salon, told.get(&salon).cloned().unwrap_or_default());
        let mut progress = told.remove(&salon).unwrap_or_default();
        // The kill comes in the middle of the journey, or after it when it was quicker.
        if let Ok(reached) = tokio::time::timeout(pause, journey).await {
            progress = reached;
        }
        told.insert(salon, progress);
        stage.kill().await;
        stage.start().await;
        for (salon, told) in told.iter().filter(|(_, told)| told.linked) {
            let url = stage.url(&format!("/marketplace/api/status/company_{salon}"));
            eventually(&format!("round {round}: salon {salon} is online again"), async || {
                let answer = stage.http.get(&url).bearer_auth(&told.token).send().await;
                let Ok(answer) = answer else { return false };
                let status: Value = answer.json().await.unwrap_or_default();
                status["connected"] == true
            })
            .await;
        }
    }
    for (salon, told) in &told {
        assert!(stage.accepted_callbacks(*salon).await <= 1, "salon {salon} was called back twice");
        if told.linked {
            stage.active(*salon, &told.token).await;
            assert_eq!(stage.accepted_callbacks(*salon).await, 1, "salon {salon}");
        }
    }
    assert!(told.values().filter(|told| told.linked).count() >= 3, "the kills left some salons time to link");
}

/// One salon's next steps towards being linked, from wherever the last kill left it.
async fn advance(stage: &Stage, salon: u64, mut told: Told) -> Told {
    let number = format!("7900333{:04}", salon % 10_000);
    stage.salon(salon, "Салон").await;
    stage.phone(&number).await;
    if told.token.is_empty() {
        told.token = stage.onboard(salon).await;
    }
    while !told.linked {
        let answer = stage.http.post(stage.url("/marketplace/api/qr")).bearer_auth(&told.token).send().await.expect("an answer");
        let body: Value = answer.json().await.expect("JSON");
        if let Some(qr) = body["qr"].as_str() {
            let scan = stage.sandbox.whatsapp().scan(&number, qr).await;
            if matches!(scan, Err(frontdesk_sandbox::whatsapp::PhoneError::TooManyDevices)) {
                stage.sandbox.whatsapp().unlink(&number).await.expect("a phone that has devices");
            }
        }
        told.linked = stage.status(salon, &told.token).await["connected"] == true;
    }
    told
}

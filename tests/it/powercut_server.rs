//! The power goes, fifty times, under the running server: the store opens again and nothing that was acknowledged is missing.
//! The same run with the store's extra sync taken out must notice the loss: that proves the test.

use std::collections::BTreeMap;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use serde_json::Value;

use crate::support::powercut::{PowerCut, Writeback};
use crate::support::stage::{PATIENCE, Stage};

/// Owners that press *Connect* at the same time.
const OWNERS: u64 = 6;

/// Salons that are linked over the run, one after the other; the rest only registers.
const LINKED: u64 = 4;

/// What the server acknowledged, and must know after every cut.
#[derive(Default)]
struct Acknowledged {
    /// A redirect was answered 302 with this token: the company exists.
    tokens: BTreeMap<u64, String>,
    /// The page was told "connected": the credentials are kept.
    linked: Vec<u64>,
}

#[tokio::test]
async fn powercut_fifty_times_loses_nothing_acknowledged() {
    for (writeback, cuts) in [(Writeback::Strict, 20), (Writeback::Reorder, 30)] {
        let seed = rand::random();
        let result = run(writeback, cuts, seed, false).await;
        println!("{writeback:?} seed {seed}: {result:?}");
        assert!(result.as_ref().is_ok_and(|kept| *kept > 20), "{writeback:?} seed {seed}: {result:?}");
    }
}

#[tokio::test]
async fn powercut_without_the_extra_sync_is_noticed() {
    let seed = rand::random();
    let result = run(Writeback::Reorder, 25, seed, true).await;
    println!("seed {seed}: {result:?}");
    assert!(result.is_err(), "25 cuts without the sync went unnoticed, seed {seed}");
}

/// Cuts the power `cuts` times; `Err` says what was lost, `Ok` how many acknowledged facts were there to the end.
async fn run(writeback: Writeback, cuts: usize, seed: u64, without_sync: bool) -> Result<usize, String> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut stage = Stage::without_server().await;
    if without_sync {
        stage.set("FRONTDESK_STORE_UNSAFE_NO_SYNC", "1");
    }
    stage.set("FRONTDESK_SESSIONS_DIALS_PER_SECOND", "0");
    stage.set("FRONTDESK_ACTIVATION_BACKOFF_MIN", "50ms");
    let mut acknowledged = Acknowledged::default();
    for cut in 0..cuts {
        let power = PowerCut::new(&stage.data_dir, writeback, random.random()).map_err(|error| format!("cut {cut}: {error}"))?;
        for (name, value) in power.env() {
            stage.set(name, value);
        }
        stage.spawn();
        stage.try_ready().await.map_err(|why| format!("cut {cut}: {why}"))?;
        check(&stage, &acknowledged).await.map_err(|lost| format!("cut {cut}: {lost}"))?;
        work(&stage, cut, &mut acknowledged, Duration::from_millis(random.random_range(150..700))).await;
        stage.kill().await;
        for (name, _) in power.env() {
            stage.unset(name);
        }
        power.cut().map_err(|error| format!("cut {cut}: {error}"))?;
    }
    stage.spawn();
    stage.try_ready().await.map_err(|why| format!("after the last cut: {why}"))?;
    check(&stage, &acknowledged).await.map_err(|lost| format!("after the last cut: {lost}"))?;
    Ok(acknowledged.tokens.len() + acknowledged.linked.len())
}

/// Everything acknowledged is still known, and who was linked comes online by itself.
async fn check(stage: &Stage, acknowledged: &Acknowledged) -> Result<(), String> {
    for (salon, token) in &acknowledged.tokens {
        let url = stage.url(&format!("/marketplace/api/status/company_{salon}"));
        let answer = stage.http.get(url).bearer_auth(token).send().await.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("salon {salon} was registered and is not known any more ({})", answer.status()));
        }
    }
    for salon in &acknowledged.linked {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while stage.status(*salon, &acknowledged.tokens[salon]).await["connected"] != true {
            if tokio::time::Instant::now() > deadline {
                return Err(format!("salon {salon} was linked and does not come online"));
            }
            tokio::task::yield_now().await;
        }
        let callbacks = stage.accepted_callbacks(*salon).await;
        if callbacks > 1 {
            return Err(format!("salon {salon} was called back {callbacks} times"));
        }
    }
    Ok(())
}

/// Owners register, and every few cuts one salon is linked, until the time is over.
async fn work(stage: &Stage, cut: usize, acknowledged: &mut Acknowledged, time: Duration) {
    let deadline = tokio::time::Instant::now() + time;
    if acknowledged.linked.len() < LINKED as usize && cut % 3 == 1 {
        let salon = 800_000 + acknowledged.linked.len() as u64;
        let number = format!("790044400{:02}", acknowledged.linked.len());
        if let Some(token) = link(stage, salon, &number).await {
            acknowledged.tokens.insert(salon, token);
            acknowledged.linked.push(salon);
        }
    }
    let first = 810_000 + cut as u64 * 1000;
    let owners = (0..OWNERS).map(|owner| register_until(stage, first + owner * 100, deadline));
    for tokens in futures_util::future::join_all(owners).await {
        acknowledged.tokens.extend(tokens);
    }
}

async fn register_until(stage: &Stage, first: u64, deadline: tokio::time::Instant) -> Vec<(u64, String)> {
    let mut tokens = Vec::new();
    for salon in first..first + 3 {
        let register = async {
            stage.salon(salon, "Салон").await;
            (salon, stage.onboard(salon).await)
        };
        match tokio::time::timeout_at(deadline, register).await {
            Ok(token) => tokens.push(token),
            Err(_) => break,
        }
    }
    tokens
}

/// `None` when the phone could not scan: its slots are full of devices that earlier cuts took away.
async fn link(stage: &Stage, salon: u64, number: &str) -> Option<String> {
    stage.salon(salon, "Салон").await;
    stage.phone(number).await;
    let token = stage.onboard(salon).await;
    let answer = stage.http.post(stage.url("/marketplace/api/qr")).bearer_auth(&token).send().await.expect("an answer");
    let body: Value = answer.json().await.expect("JSON");
    stage.sandbox.whatsapp().scan(number, body["qr"].as_str()?).await.ok()?;
    stage.active(salon, &token).await;
    Some(token)
}

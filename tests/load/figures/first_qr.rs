//! From socket connect to the first `qr-update`, one salon after the other on a server with its usual settings.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, timeout};

use crate::bare;
use crate::options::Task;
use crate::page::Page;
use crate::plan::Plan;
use crate::report::{Row, Sample, quantile};
use crate::stage::Stage;

/// One visitor at a time, and well below the pace of dials: the server is quiet.
const VISIT_EVERY: Duration = Duration::from_millis(125);

/// No first code takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first visitor of a process also pays for what is made once, and is not counted.
const WARM_UP: usize = 1;

/// Each takes half a minute.
const RUNS: usize = 3;

const FIRST: u64 = 1_000_000;

/// The server's default pace of dials applies: the sandbox's settings leave it alone.
pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    let mut stage = Stage::open().await;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let visitors = WARM_UP + plan.visits;
    for run in 0..RUNS.min(plan.runs) {
        let mut took = Vec::new();
        let mut pace = interval(VISIT_EVERY);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for salon in (FIRST..).skip(run * visitors).take(visitors) {
            took.push(visit(&stage, salon, &mut pace).await?);
        }
        ours.push(took.split_off(WARM_UP));
        theirs.push(bare::child(plan, &stage, Task::FirstQr).await?);
    }
    stage.stop().await;
    let row = |name: &str, part: f64| {
        let of = |runs: &[Vec<f64>]| Sample::of(runs.iter().map(|run| quantile(run, part)));
        Row::new(format!("socket connect → first QR, {name}"), "ms", of(&ours)).beside("bare client, connect → first QR", of(&theirs))
    };
    Ok(vec![row("p50", 0.5), row("p99", 0.99)])
}

/// In milliseconds. The redirect is not counted: it is YClients' and the browser's part.
async fn visit(stage: &Stage, salon: u64, pace: &mut Interval) -> Result<f64> {
    stage.salon(salon, "Салон").await;
    let token = stage.onboard(salon).await;
    pace.tick().await;
    let began = Instant::now();
    let page = timeout(PATIENCE, Page::with_qr(stage.port, &token)).await.context("no first code in time")??;
    let took = began.elapsed();
    drop(page);
    Ok(took.as_secs_f64() * 1000.0)
}

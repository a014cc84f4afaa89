//! Resident memory of the server: what it takes by itself, and what each session and each pending onboarding adds, by slope.

use std::time::Duration;

use anyhow::Result;

use crate::bare;
use crate::options::Task;
use crate::plan::Plan;
use crate::process::settled_memory;
use crate::report::{Row, Sample};
use crate::salons;
use crate::stage::Stage;

/// No restart takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Each takes a restart and a quarter of a minute of stillness.
const RUNS: usize = 3;

pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    let linked = linked(plan).await?;
    let pending = pending(plan).await?;
    let stage = Stage::without_server().await;
    let bare_linked = bare::child(plan, &stage, Task::LinkedMemory).await?;
    let bare_pending = bare::child(plan, &stage, Task::PendingMemory).await?;
    let fixed = Sample::of(linked.iter().map(|line| line.fixed / 1024.0));
    let row = |what: &str, lines: &[Line]| Row::new(what, "KiB", Sample::of(lines.iter().map(|line| line.each)));
    Ok(vec![
        Row::new("memory of the server without sessions", "MiB", fixed),
        row("memory per connected session", &linked).beside("bare client, store in memory", Sample::of(bare_linked)),
        row("memory per pending onboarding", &pending).beside("bare client showing a QR code", Sample::of(bare_pending)),
    ])
}

/// A line through two readings, in KiB.
struct Line {
    fixed: f64,
    each: f64,
}

impl Line {
    fn through(plan: &Plan, at_few: u64, at_many: u64) -> Self {
        let each = (at_many as f64 - at_few as f64) / (plan.many - plan.few) as f64;
        Self { fixed: at_few as f64 - plan.few as f64 * each, each }
    }
}

/// After a restart: that is how a server spends its life.
async fn linked(plan: &Plan) -> Result<Vec<Line>> {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_DIALS_PER_SECOND", "0");
    stage.start().await;
    salons::link(&stage, 3_000_000, plan.few).await;
    let at_few = after_restarts(&mut stage, plan, plan.few).await?;
    salons::link(&stage, 3_100_000, plan.many - plan.few).await;
    let at_many = after_restarts(&mut stage, plan, plan.many).await?;
    stage.stop().await;
    Ok(at_few.into_iter().zip(at_many).map(|(few, many)| Line::through(plan, few, many)).collect())
}

async fn after_restarts(stage: &mut Stage, plan: &Plan, count: usize) -> Result<Vec<u64>> {
    let mut readings = Vec::new();
    for _ in 0..RUNS.min(plan.runs) {
        salons::restart(stage, count, PATIENCE).await?;
        readings.push(settled_memory(stage.pid(), plan.still).await?);
    }
    Ok(readings)
}

/// With the page open and showing its first code.
async fn pending(plan: &Plan) -> Result<Vec<Line>> {
    let mut lines = Vec::new();
    for _ in 0..RUNS.min(plan.runs) {
        let mut stage = Stage::without_server().await;
        stage.set("FRONTDESK_SESSIONS_DIALS_PER_SECOND", "0");
        stage.start().await;
        let few = salons::open_pages(&stage, 4_000_000, plan.few).await?;
        let at_few = settled_memory(stage.pid(), plan.still).await?;
        let many = salons::open_pages(&stage, 4_100_000, plan.many - plan.few).await?;
        let at_many = settled_memory(stage.pid(), plan.still).await?;
        drop((few, many));
        stage.stop().await;
        lines.push(Line::through(plan, at_few, at_many));
    }
    Ok(lines)
}

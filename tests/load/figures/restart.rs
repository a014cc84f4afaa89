//! From kill -9 to all sessions online again, with the pace limit off.

use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

use crate::bare;
use crate::options::{Plan, Task};
use crate::report::{Row, Sample};
use crate::salons;
use crate::stage::Stage;

/// No restart takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

const FIRST: u64 = 2_000_000;

pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_DIALS_PER_SECOND", "0");
    stage.start().await;
    salons::link(&stage, FIRST, plan.many).await;
    settle_in(&mut stage, plan.many).await?;
    let mut ours = Vec::new();
    for _ in 0..plan.runs {
        ours.push(kill_and_wait(&mut stage, plan.many).await?);
    }
    stage.stop().await;
    let theirs = bare::child(plan, &stage, Task::Restore).await?;
    let what = format!("kill -9 → all {} sessions online", plan.many);
    let yardstick = format!("bare client, {} cold starts in a running process", plan.many);
    Ok(vec![Row::new(what, "ms", Sample::of(ours)).beside(yardstick, Sample::of(theirs))])
}

/// An orderly restart: a session that was linked a moment ago still has first things to fetch and to store, which is not what is measured.
async fn settle_in(stage: &mut Stage, count: usize) -> Result<()> {
    let before = stage.sandbox.whatsapp().stats().logins;
    stage.stop().await;
    stage.start().await;
    salons::all_online(stage, count, before + count as u64, PATIENCE).await
}

/// In milliseconds; includes the death of the old process and the start of the new one.
async fn kill_and_wait(stage: &mut Stage, count: usize) -> Result<f64> {
    let before = stage.sandbox.whatsapp().stats().logins;
    let began = Instant::now();
    stage.kill().await;
    stage.spawn();
    salons::all_online(stage, count, before + count as u64, PATIENCE).await?;
    Ok(began.elapsed().as_secs_f64() * 1000.0)
}

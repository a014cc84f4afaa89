//! From kill -9 to all sessions online again, with the pace limit off.

use std::time::Duration;

use anyhow::Result;

use crate::bare;
use crate::options::Task;
use crate::plan::Plan;
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
    // A session that was linked a moment ago still has first things to fetch and to store, which is not what is measured.
    salons::restart(&mut stage, plan.many, PATIENCE).await?;
    let mut ours = Vec::new();
    for _ in 0..plan.runs {
        ours.push(salons::kill_and_restore(&mut stage, plan.many, PATIENCE).await?);
    }
    stage.stop().await;
    let theirs = bare::child(plan, &stage, Task::Restore).await?;
    let what = format!("kill -9 → all {} sessions online", plan.many);
    let yardstick = format!("bare client, {} cold starts in a running process", plan.many);
    Ok(vec![Row::new(what, "ms", Sample::of(ours)).beside(yardstick, Sample::of(theirs))])
}

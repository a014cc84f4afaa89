//! Many connected sessions in one process: what each takes, how fast they come back after a crash, and at which pace.

mod pace;
mod visitors;

use std::time::Duration;

use anyhow::Result;

use self::pace::Pace;
use crate::baileys::{self, Taken};
use crate::plan::Plan;
use crate::process::{cores, descriptors, settled_memory};
use crate::report::{Row, Sample, Target, quantile};
use crate::salons;
use crate::scrape::Scrape;
use crate::stage::Stage;

/// No restart without a pace takes longer.
const PATIENCE: Duration = Duration::from_secs(180);

/// Each takes some seconds for a thousand sessions.
const RESTORES: usize = 3;

const FIRST: u64 = 7_000_000;
const FURTHER: u64 = 7_100_000;

pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_DIALS_PER_SECOND", "0");
    stage.start().await;
    let mut salons = salons::link(&stage, FIRST, plan.few).await;
    let few = after_restart(&mut stage, plan, plan.few).await?;
    salons.extend(salons::link(&stage, FURTHER, plan.fleet - plan.few).await);
    let many = after_restart(&mut stage, plan, plan.fleet).await?;
    let (idle, quiet) = cores(stage.pid(), visitors::ask(&stage, &salons, tokio::time::sleep(plan.idle))).await?;
    let (alone, ()) = cores(stage.pid(), async {
        tokio::time::sleep(plan.idle).await;
        Ok(())
    })
    .await?;
    let mut restores = Vec::new();
    for _ in 0..RESTORES.min(plan.runs) {
        restores.push(salons::kill_and_restore(&mut stage, plan.fleet, PATIENCE).await? / 1000.0);
    }
    let pace = Pace::measure(&mut stage, &salons).await?;
    stage.stop().await;
    let beside = baileys::fleet(plan, &stage).await?;
    let mut rows = per_session(plan, &few, &many, beside.as_ref());
    rows.push(idle_row(plan, alone, beside.as_ref()));
    rows.push(restore_row(plan, restores, beside.as_ref()));
    rows.extend(pace.rows(plan, &quiet, idle));
    Ok(rows)
}

/// What the process takes with a number of sessions.
struct Reading {
    memory: u64,
    descriptors: usize,
    tasks: f64,
}

/// After a restart: that is how a server spends its life.
async fn after_restart(stage: &mut Stage, plan: &Plan, count: usize) -> Result<Reading> {
    salons::restart(stage, count, PATIENCE).await?;
    let memory = settled_memory(stage.pid(), plan.still).await?;
    let tasks = Scrape::of(stage).await?.value("frontdesk_runtime_alive_tasks")?;
    Ok(Reading { memory, descriptors: descriptors(stage.pid())?, tasks })
}

fn per_session(plan: &Plan, few: &Reading, many: &Reading, beside: Option<&Taken>) -> Vec<Row> {
    let further = (plan.fleet - plan.few) as f64;
    let slope = |few: f64, many: f64| Sample::of([(many - few) / further]);
    let of = |what: &str| format!("{what} per session, {} sessions", plan.fleet);
    let memory = slope(few.memory as f64, many.memory as f64);
    let mut memory = Row::new(of("memory"), "KiB", memory).target(Target::AtMost(400.0));
    if let Some(taken) = beside {
        let what = format!("Baileys, {} in one Node process", plan.baileys);
        memory = memory.beside(what, Sample::of([taken.each(plan)])).target(Target::TimesLess(3.0));
    }
    let opened = slope(few.descriptors as f64, many.descriptors as f64);
    let mut opened = Row::new(of("file descriptors"), "", opened).target(Target::AtMost(2.0));
    if let Some(taken) = beside {
        opened = opened.beside("Baileys, all it has open", Sample::of([taken.descriptors / plan.baileys as f64]));
    }
    vec![memory, opened, Row::new(of("tasks"), "", slope(few.tasks, many.tasks))]
}

/// Of one core, for a thousand sessions.
fn idle_row(plan: &Plan, cores: f64, beside: Option<&Taken>) -> Row {
    let percent = |cores: f64, sessions: usize| Sample::of([cores * 100.0 * 1000.0 / sessions as f64]);
    let what = format!("idle work of {} sessions, per thousand: part of a core", plan.fleet);
    let row = Row::new(what, "%", percent(cores, plan.fleet)).target(Target::AtMost(3.0));
    match beside {
        Some(taken) => row.beside(format!("Baileys, {}", plan.baileys), percent(taken.idle_cores, plan.baileys)),
        None => row,
    }
}

fn restore_row(plan: &Plan, seconds: Vec<f64>, beside: Option<&Taken>) -> Row {
    let what = format!("kill -9 → all {} sessions online, no pace limit", plan.fleet);
    let row = Row::new(what, "s", Sample::of(seconds)).target(Target::AtMost(10.0));
    match beside {
        Some(taken) => {
            let what = format!("Baileys, {} logins in a running process", plan.baileys - plan.few);
            row.beside(what, Sample::of([taken.login_ms / 1000.0]))
        }
        None => row,
    }
}

/// Milliseconds below which 99 % of the answers came.
fn p99(took_ms: &[f64]) -> Sample {
    Sample::of([quantile(took_ms, 0.99)])
}

//! Ten thousand sessions in one process, held for ten minutes: `make bench-10k`.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use crate::plan::Plan;
use crate::process::{cores, descriptors, memory, peak_memory};
use crate::report::{Row, Sample, Target};
use crate::salons;
use crate::scrape::Scrape;
use crate::stage::Stage;

/// No restart takes longer.
const PATIENCE: Duration = Duration::from_secs(600);

/// Sessions that are linked between two words about how far it is.
const PORTION: usize = 500;

/// Sessions that are linked at the same time.
const AT_ONCE: usize = 24;

/// Between two looks at what is held.
const LOOK_EVERY: Duration = Duration::from_secs(5);

const FIRST: u64 = 8_000_000;

const KIB_PER_GIB: f64 = 1024.0 * 1024.0;

pub async fn measure(plan: &Plan) -> Result<Vec<Row>> {
    let mut stage = Stage::without_server().await;
    stage.set("FRONTDESK_SESSIONS_DIALS_PER_SECOND", "0");
    stage.start().await;
    let without = memory(stage.pid())? as f64;
    link(&stage, plan.held).await;
    let linking = peak_memory(stage.pid())? as f64;
    let restored = salons::kill_and_restore(&mut stage, plan.held, PATIENCE).await? / 1000.0;
    let (busy, held) = cores(stage.pid(), hold(&stage, plan)).await?;
    let (peak, open) = (peak_memory(stage.pid())? as f64, descriptors(stage.pid())? as f64);
    stage.kill().await; // an orderly stop of so many may take longer than the stage waits
    let one = |value: f64| Sample::of([value]);
    let minutes = plan.holding.as_secs_f64() / 60.0;
    let what = |figure: &str| format!("{} sessions held for {} min: {figure}", plan.held, minutes.round());
    Ok(vec![
        Row::new(what("peak memory, restore included"), "GiB", one(peak / KIB_PER_GIB)).target(Target::AtMost(4.0)),
        Row::new(what("memory"), "GiB", Sample::of(held.memory.iter().map(|kib| kib / KIB_PER_GIB))).target(Target::AtMost(4.0)),
        Row::new(what("peak per session"), "KiB", one((peak - without) / plan.held as f64)).target(Target::AtMost(400.0)),
        Row::new(what("links lost"), "", one(held.lost)).target(Target::AtMost(0.0)),
        Row::new(what("part of a core"), "%", one(busy * 100.0)).target(Target::AtMost(3.0 * plan.held as f64 / 1000.0)),
        Row::new(what("file descriptors"), "", one(open)).target(Target::AtMost(2.0 * plan.held as f64 + 200.0)),
        Row::new(format!("kill -9 → all {} online, no pace limit", plan.held), "s", one(restored)),
        Row::new(format!("peak memory while {} are linked one after the other", plan.held), "GiB", one(linking / KIB_PER_GIB)),
    ])
}

/// Every session is a device of its own, linked as an owner does it: redirect, QR, scan, activation.
async fn link(stage: &Stage, count: usize) {
    let began = Instant::now();
    for from in (0..count).step_by(PORTION) {
        salons::link_at_once(stage, FIRST + from as u64, PORTION.min(count - from), AT_ONCE).await;
        eprintln!("  {} of {count} linked after {:.0} s", (from + PORTION).min(count), began.elapsed().as_secs_f64());
    }
}

/// What was seen while they were held.
struct Held {
    memory: Vec<f64>,
    lost: f64,
}

async fn hold(stage: &Stage, plan: &Plan) -> Result<Held> {
    let until = Instant::now() + plan.holding;
    let ended_before = Scrape::of(stage).await?.sum("frontdesk_links_ended_total");
    let mut memory_kib = vec![memory(stage.pid())? as f64];
    while Instant::now() < until {
        sleep(LOOK_EVERY.min(plan.holding)).await;
        memory_kib.push(memory(stage.pid())? as f64);
    }
    let scrape = Scrape::of(stage).await?;
    let online = scrape.online().unwrap_or_default();
    ensure!(online == plan.held, "{online} of {} sessions are still online", plan.held);
    Ok(Held { memory: memory_kib, lost: scrape.sum("frontdesk_links_ended_total") - ended_before })
}

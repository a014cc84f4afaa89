//! The default pace of dials, kept while all sessions come back after a crash.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::{p99, visitors};
use crate::plan::Plan;
use crate::report::{Row, Sample, Target, quantile};
use crate::salons::{self, Salon};
use crate::scrape::Scrape;
use crate::stage::Stage;

/// `sessions.dials_per_second` of config/default.toml.
const DIALS_PER_SECOND: f64 = 20.0;

/// Beside what the pace alone takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two readings of the counter.
const READ_EVERY: Duration = Duration::from_millis(100);

/// How long a window is over which dials are counted.
const WINDOW: f64 = 1.0;

/// What was seen.
pub struct Pace {
    /// From the kill to the last session.
    took: f64,
    /// Dials per second, window by window, without the first and the last.
    rates: Vec<f64>,
    /// Status queries meanwhile.
    queries_ms: Vec<f64>,
}

impl Pace {
    pub async fn measure(stage: &mut Stage, salons: &[Salon]) -> Result<Self> {
        stage.unset("FRONTDESK_SESSIONS_DIALS_PER_SECOND");
        let before = stage.sandbox.whatsapp().stats().logins;
        let began = Instant::now();
        stage.kill().await;
        stage.start().await;
        let patience = PATIENCE + Duration::from_secs_f64(salons.len() as f64 / DIALS_PER_SECOND);
        let stage = &*stage;
        let mut counted = Vec::new();
        let (mut took, mut failed) = (0.0, None);
        let restore = async {
            tokio::select! {
                online = salons::all_online(stage, salons.len(), before + salons.len() as u64, patience) => failed = online.err(),
                error = count(stage, began, &mut counted) => failed = Some(error),
            }
            took = began.elapsed().as_secs_f64();
        };
        let queries_ms = visitors::ask(stage, salons, restore).await?;
        if let Some(error) = failed {
            return Err(error);
        }
        Ok(Self { took, rates: rates(&counted)?, queries_ms })
    }

    pub fn rows(&self, plan: &Plan, quiet_ms: &[f64], quiet_cores: f64) -> Vec<Row> {
        let alone = plan.fleet as f64 / DIALS_PER_SECOND;
        let what = format!("kill -9 → all {} sessions online, default pace", plan.fleet);
        let quiet = format!("all online, nothing happens ({:.1} % of a core)", quiet_cores * 100.0);
        vec![
            Row::new(what, "s", Sample::of([self.took])).beside("the pace alone", Sample::of([alone])),
            Row::new("dials per second meanwhile", "/s", Sample::of(self.rates.iter().copied()))
                .beside("sessions.dials_per_second", Sample::of([DIALS_PER_SECOND]))
                .target(Target::AtLeast(DIALS_PER_SECOND * 0.95))
                .target(Target::AtMost(DIALS_PER_SECOND * 1.05)),
            Row::new("status query meanwhile, p50", "ms", Sample::of([quantile(&self.queries_ms, 0.5)]))
                .beside("all online, nothing happens", Sample::of([quantile(quiet_ms, 0.5)])),
            Row::new("status query meanwhile, p99", "ms", p99(&self.queries_ms)).beside(quiet, p99(quiet_ms)),
        ]
    }
}

/// Seconds since the kill, and dials so far. Ends only with an error.
async fn count(stage: &Stage, began: Instant, counted: &mut Vec<(f64, f64)>) -> anyhow::Error {
    loop {
        match Scrape::of(stage).await {
            Ok(scrape) => counted.push((began.elapsed().as_secs_f64(), scrape.sum("frontdesk_links_dialled_total"))),
            Err(error) => return error,
        }
        sleep(READ_EVERY).await;
    }
}

/// Dials per second in windows one after the other, from the first reading with a dial to the last one before the end.
fn rates(counted: &[(f64, f64)]) -> Result<Vec<f64>> {
    let last = counted.last().map_or(0.0, |(_, dials)| *dials);
    let mut running = counted.iter().copied().filter(|(_, dials)| *dials > 0.0 && *dials < last);
    let Some(mut from) = running.next() else { return Ok(vec![last]) };
    let mut rates = Vec::new();
    for (at, dials) in running {
        if at - from.0 >= WINDOW {
            rates.push((dials - from.1) / (at - from.0));
            from = (at, dials);
        }
    }
    ensure!(last > 0.0, "no dial was counted");
    Ok(if rates.is_empty() { vec![last] } else { rates })
}

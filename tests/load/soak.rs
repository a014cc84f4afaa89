//! `make soak`: does memory stay where it is over an hour of reconnects and QR rounds, played as fast as the server comes back?
//!
//! Every round drops every connection: linked sessions log in again, open pages get a fresh code. What counts is the mean of the last fifth of the
//! time against the mean of the first fifth after a warm-up, because the allocator takes its time to find its size.
//!
//! An hour of it has as many reconnects for each salon as some years of a salon's life, and each leaves a line in its timeline. So that the stored
//! past (and the part of it in the database's cache) is as long as it will ever be before anything is compared, less of it is kept than by default.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use frontdesk_sandbox::whatsapp::{FaultTarget, WhatsappFault};
use serde_json::json;
use tokio::time::{Instant, sleep};

use crate::process;
use crate::salons;
use crate::stage::Stage;

const FIRST: u64 = 6_000_000;

/// No round takes longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between the return of everyone and the next drop: what a login starts must have time to run.
const PAUSE: Duration = Duration::from_millis(500);

/// How far memory may have moved, as a part of what it was.
const FLAT: f64 = 0.05;

/// Fewer rounds say nothing about memory.
const ROUNDS_AT_LEAST: usize = 50;

/// How long, with how many.
#[derive(Debug, Args)]
pub struct Soak {
    /// Minutes; may be a fraction.
    #[arg(long, default_value_t = 60.0)]
    minutes: f64,
    /// Linked sessions.
    #[arg(long, default_value_t = 50)]
    sessions: usize,
    /// Open pages that show codes.
    #[arg(long, default_value_t = 20)]
    pages: usize,
}

/// Memory of the server after a round.
struct Reading {
    at: Duration,
    mib: f64,
}

/// Plays rounds until the time is over, prints what memory did, and fails when it was not flat.
pub async fn run(options: &Soak) -> Result<()> {
    let stage = stage(options).await?;
    let lasts = Duration::from_secs_f64(options.minutes * 60.0);
    let began = Instant::now();
    let mut readings = Vec::new();
    while began.elapsed() < lasts {
        round(&stage, options.sessions).await?;
        readings.push(Reading { at: began.elapsed(), mib: process::memory(stage.pid())? as f64 / 1024.0 });
        if readings.len().is_power_of_two() {
            let (round, mib) = (readings.len(), readings[readings.len() - 1].mib);
            eprintln!("· round {round}, {:.0} s: {mib:.1} MiB", began.elapsed().as_secs_f64());
        }
    }
    conclude(&readings, options)
}

async fn stage(options: &Soak) -> Result<Stage> {
    let mut stage = Stage::without_server().await;
    for (key, value) in [("DIALS_PER_SECOND", "0"), ("BACKOFF_MIN", "50ms"), ("BACKOFF_MAX", "500ms")] {
        stage.set(&format!("FRONTDESK_SESSIONS_{key}"), value);
    }
    for (key, value) in [("TIMELINE_PER_SALON", "100"), ("SWEEP_EVERY", "30s")] {
        stage.set(&format!("FRONTDESK_RETENTION_{key}"), value);
    }
    stage.start().await;
    eprintln!("· linking {} sessions, opening {} pages", options.sessions, options.pages);
    salons::link(&stage, FIRST, options.sessions).await;
    // They stay open for as long as their tokens last, which is an hour; their sessions go on showing codes while anybody looks.
    let pages = salons::open_pages(&stage, FIRST + 100_000, options.pages).await?;
    pages.into_iter().for_each(std::mem::forget);
    Ok(stage)
}

/// Everyone loses the connection and comes back.
async fn round(stage: &Stage, sessions: usize) -> Result<()> {
    let whatsapp = stage.sandbox.whatsapp();
    let before = whatsapp.stats().logins;
    whatsapp.set_fault(FaultTarget::All, WhatsappFault::Drop).map_err(anyhow::Error::msg)?;
    let deadline = Instant::now() + PATIENCE;
    loop {
        let stats = whatsapp.stats();
        if stats.links == sessions && stats.logins >= before + sessions as u64 {
            break;
        }
        ensure!(Instant::now() < deadline, "{} of {sessions} sessions came back within {PATIENCE:?}", stats.links);
        sleep(Duration::from_millis(10)).await;
    }
    sleep(PAUSE).await;
    Ok(())
}

fn conclude(readings: &[Reading], options: &Soak) -> Result<()> {
    ensure!(!readings.is_empty(), "not one round was played");
    let warm = &readings[readings.len() / 10..];
    let fifth = (warm.len() / 5).max(1);
    let mean = |part: &[Reading]| part.iter().map(|reading| reading.mib).sum::<f64>() / part.len() as f64;
    let (early, late) = (mean(&warm[..fifth]), mean(&warm[warm.len() - fifth..]));
    let change = late / early - 1.0;
    let reconnects = readings.len() * (options.sessions + options.pages);
    println!("{} rounds, {reconnects} connections made again in {:.1} min", readings.len(), options.minutes);
    println!("memory {early:.1} → {late:.1} MiB ({:+.1} %), slope {:+.2} MiB an hour", change * 100.0, slope(warm));
    let result = json!({
        "rounds": readings.len(), "connections": reconnects, "minutes": options.minutes,
        "early_mib": early, "late_mib": late, "change": change, "slope_mib_per_hour": slope(warm),
    });
    let file = crate::build_folder().join("bench/soak.json");
    std::fs::create_dir_all(file.parent().context("a folder")?)?;
    std::fs::write(&file, serde_json::to_vec_pretty(&result)?)?;
    if readings.len() < ROUNDS_AT_LEAST {
        println!("Too few rounds to say anything about memory.");
        return Ok(());
    }
    ensure!(change.abs() <= FLAT, "memory is not flat: more than {:.0} % apart", FLAT * 100.0);
    Ok(())
}

/// Of the line through the readings with the least squares, in MiB an hour.
fn slope(readings: &[Reading]) -> f64 {
    let hours = |reading: &Reading| reading.at.as_secs_f64() / 3600.0;
    let count = readings.len() as f64;
    let (mean_x, mean_y) = (readings.iter().map(hours).sum::<f64>() / count, readings.iter().map(|r| r.mib).sum::<f64>() / count);
    let covariance: f64 = readings.iter().map(|r| (hours(r) - mean_x) * (r.mib - mean_y)).sum();
    let variance: f64 = readings.iter().map(|r| (hours(r) - mean_x).powi(2)).sum();
    if variance > 0.0 { covariance / variance } else { 0.0 }
}

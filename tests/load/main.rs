//! `make bench`: what the README says about speed and size, measured against a real server on loopback.
//!
//! ```text
//! this process ── simulated services, browsers' sockets, raw disk          the stage and the audience
//! ├─ frontdesk serve                                                       what is measured; a child, so that its memory is its own
//! └─ this binary again, `bare …`; Baileys, Express (Node.js)               the yardsticks, on the same services and the same disk
//! ```
//!
//! Every figure stands beside a yardstick measured in the same run, because the machines this runs on are shared and noisy: the ratio of the
//! two is what can be compared between days.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "the table is the result, and people want to see how far it is")]

mod baileys;
mod bare;
mod figures;
mod options;
mod page;
mod plan;
mod process;
mod report;
mod salons;
mod scrape;
mod soak;
#[path = "../it/support/stage.rs"]
#[expect(dead_code, reason = "written for the tests, which use all of it")]
mod stage;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use clap::Parser as _;

use crate::options::{Figure, Options, Role};
use crate::plan::Plan;
use crate::report::{Report, Row};

#[tokio::main]
async fn main() -> Result<()> {
    frontdesk::app::install_crypto_provider();
    let options = Options::parse();
    match &options.role {
        Some(Role::Bare(task)) => bare::run(task).await,
        Some(Role::Soak(soak)) => soak::run(soak).await,
        None => measure(&options).await,
    }
}

async fn measure(options: &Options) -> Result<()> {
    let plan = Plan::of(options);
    // Ten thousand links end in this process, and as many connections of strangers begin in it.
    rlimit::increase_nofile_limit(u64::MAX).context("raising the limit of open files")?;
    let mut report = Report::new(options.quick);
    let file = options.json.clone().unwrap_or_else(|| build_folder().join("bench/results.json"));
    let mut failed = Vec::new();
    for figure in options.figures() {
        eprintln!("· {}", figure.words());
        let limit = plan.limit(figure);
        let rows = tokio::time::timeout(limit, of(figure, &plan, options)).await;
        match rows.with_context(|| format!("took over {limit:?}")).and_then(|rows| rows) {
            Ok(rows) => report.add(rows),
            Err(error) => {
                eprintln!("  failed: {error:?}");
                failed.push(figure.words());
            }
        }
        // After each one: what took half an hour is not lost with what comes after it.
        report.write(&file)?;
    }
    println!("{}", report.table());
    println!("Written to {} and, as this table, to {}", file.display(), Report::table_beside(&file).display());
    ensure!(failed.is_empty(), "not measured: {}", failed.join("; "));
    Ok(())
}

async fn of(figure: Figure, plan: &Plan, options: &Options) -> Result<Vec<Row>> {
    match figure {
        Figure::FirstQr => figures::first_qr::measure(plan).await,
        Figure::Restart => figures::restart::measure(plan).await,
        Figure::Memory => figures::memory::measure(plan).await,
        Figure::Startup => figures::startup::measure(plan).await,
        Figure::Fleet => figures::fleet::measure(plan).await,
        Figure::Held => figures::held::measure(plan).await,
        Figure::Intake => figures::intake::measure(plan).await,
        Figure::Strangers => figures::strangers::measure(plan).await,
        Figure::Console => figures::console::measure(plan).await,
        Figure::Commits => figures::commits::measure(plan).await,
        Figure::Size => figures::size::measure(options.shipped.as_deref()).await,
    }
}

/// Cargo's target folder: the measured binary is in `<target>/<profile>`.
fn build_folder() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_frontdesk"));
    binary.parent().and_then(Path::parent).expect("binaries are in <target>/<profile>").to_owned()
}

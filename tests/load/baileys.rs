//! A yardstick of the fleet: the same number of sessions of Baileys in one Node process, against the same service.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use tokio::process::Command;

use crate::plan::Plan;
use crate::stage::Stage;

/// Linking takes Node a third of a second of processor time for each device, most of it for one-time keys.
const PATIENCE: Duration = Duration::from_secs(1800);

/// What many sessions took.
#[derive(Debug, Deserialize)]
pub struct Taken {
    few_kib: f64,
    many_kib: f64,
    /// From few sessions to many, logged in eight at a time.
    pub login_ms: f64,
    pub descriptors: f64,
    pub idle_cores: f64,
    /// Sessions that did not stay.
    lost: usize,
}

impl Taken {
    /// KiB for each further session.
    pub fn each(&self, plan: &Plan) -> f64 {
        (self.many_kib - self.few_kib) / (plan.baileys - plan.few) as f64
    }
}

/// `None` when its packages are not installed: `make bench` installs them.
pub async fn fleet(plan: &Plan, stage: &Stage) -> Result<Option<Taken>> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/baileys/fleet.mjs");
    if !script.with_file_name("node_modules").exists() {
        eprintln!("  Baileys is left out: its packages are not installed (tests/setup/node.sh tests/baileys)");
        return Ok(None);
    }
    let folder = tempfile::tempdir()?;
    node(stage, &script, "link", folder.path(), &[plan.baileys as u128]).await?;
    // In a process of its own, as ours is measured after a restart: what only the linking needs is gone.
    let numbers = [plan.few as u128, plan.baileys as u128, plan.still.as_millis(), plan.idle.as_millis()];
    let words = node(stage, &script, "hold", folder.path(), &numbers).await?;
    let taken: Taken = serde_json::from_slice(&words).context("the last word of fleet.mjs is JSON")?;
    ensure!(taken.lost == 0, "Baileys lost {} sessions", taken.lost);
    Ok(Some(taken))
}

async fn node(stage: &Stage, script: &PathBuf, task: &str, folder: &Path, numbers: &[u128]) -> Result<Vec<u8>> {
    let mut command = Command::new("node");
    command.args(["--expose-gc", "--max-old-space-size=12288"]).arg(script).arg(task).arg(folder);
    command.args(numbers.iter().map(u128::to_string));
    command.env("WHATSAPP_URL", stage.sandbox.addresses().whatsapp_ws).env("CONTROL_URL", stage.sandbox.control_url());
    command.stdin(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.context("Baileys takes too long")??;
    ensure!(output.status.success(), "fleet.mjs {task} ended with {}", output.status);
    Ok(output.stdout)
}

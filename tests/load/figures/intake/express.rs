//! The yardstick: a minimal Express handler that writes each webhook to SQLite with `synchronous=FULL` before it answers.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub const NAME: &str = "Express, SQLite, synchronous=FULL";

/// It starts in well under a second.
const PATIENCE: Duration = Duration::from_secs(20);

/// The running handler.
pub struct Express {
    pub port: u16,
    _child: Child,
    _folder: TempDir,
}

impl Express {
    /// `None` when its packages are not installed: `make bench` installs them where SQLite can be built.
    pub async fn start() -> Result<Option<Self>> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/load/express/server.mjs");
        if !script.with_file_name("node_modules").exists() {
            eprintln!("  Express is left out: its packages are not installed (tests/setup/node.sh --scripts tests/load/express)");
            return Ok(None);
        }
        let folder = tempfile::tempdir()?;
        let mut command = Command::new("node");
        command.arg(script).arg(folder.path().join("inbox.db")).arg(frontdesk_sandbox::TEST_PARTNER_TOKEN);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().context("starting Express")?;
        let mut lines = BufReader::new(child.stdout.take().context("stdout is piped")?).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.context("Express does not start")??;
        let port = line.context("Express ended")?.parse().context("its first line is its port")?;
        Ok(Some(Self { port, _child: child, _folder: folder }))
    }
}

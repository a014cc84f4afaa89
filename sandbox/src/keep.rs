//! Keeps the simulated world in one file, so that a restart of the sandbox is a restart and not the end of the world.
//!
//! Kept are phones with their linked devices, and salons with their installations. Not kept: counters, recorded calls, faults in force, and
//! stanzas nobody has fetched yet. The file is replaced as a whole, at most [`EVERY`] after a change and once more at the end.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::{whatsapp, yclients};

/// Looked at this often for changes …
const EVERY: Duration = Duration::from_millis(250);
/// … but a large world takes at most this part of one core.
const SHARE: u32 = 20;
const VERSION: u32 = 1;

/// The content of the file.
#[derive(Serialize, Deserialize)]
pub(crate) struct Snapshot {
    version: u32,
    pub(crate) whatsapp: whatsapp::Kept,
    pub(crate) yclients: yclients::Kept,
}

/// What the file holds; `None` when there is none yet.
pub(crate) fn read(file: &Path) -> anyhow::Result<Option<Snapshot>> {
    let text = match fs::read(file) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("{} can't be read", file.display()))?,
    };
    let hint = || format!("{} doesn't hold a simulated world of this version; delete it to start with a new one", file.display());
    let snapshot: Snapshot = serde_json::from_slice(&text).with_context(hint)?;
    anyhow::ensure!(snapshot.version == VERSION, hint());
    Ok(Some(snapshot))
}

/// Writes the world down until told to stop.
pub(crate) struct Keeper {
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Keeper {
    /// Writes once, so that a folder that can't be written is told at the start, then keeps on writing.
    pub(crate) fn start(file: PathBuf, whatsapp: whatsapp::Service, yclients: yclients::Service) -> anyhow::Result<Self> {
        let mut pen = Pen { file, whatsapp, yclients, written: Vec::new() };
        pen.write().with_context(|| format!("the simulated world can't be kept in {}", pen.file.display()))?;
        let stop = CancellationToken::new();
        let task = tokio::spawn(run(pen, stop.clone()));
        Ok(Self { stop, task })
    }

    /// Writes the last state and ends.
    pub(crate) async fn close(self) {
        self.stop.cancel();
        if let Err(error) = self.task.await {
            tracing::error!(%error, "the keeper of the simulated world ended by itself");
        }
    }
}

async fn run(mut pen: Pen, stop: CancellationToken) {
    let mut pause = EVERY;
    let mut failing = false;
    loop {
        let last = tokio::select! {
            () = tokio::time::sleep(pause) => false,
            () = stop.cancelled() => true,
        };
        let began = Instant::now();
        let written = tokio::task::spawn_blocking(move || {
            let result = pen.write();
            (pen, result)
        });
        let Ok((back, result)) = written.await else { return };
        pen = back;
        if let Err(error) = &result
            && !failing
        {
            tracing::warn!(error = %format!("{error:#}"), "the simulated world can't be kept");
        }
        failing = result.is_err();
        if last {
            return;
        }
        pause = EVERY.max(began.elapsed() * SHARE);
    }
}

struct Pen {
    file: PathBuf,
    whatsapp: whatsapp::Service,
    yclients: yclients::Service,
    written: Vec<u8>,
}

impl Pen {
    /// Replaces the file when anything changed.
    fn write(&mut self) -> anyhow::Result<()> {
        let snapshot = Snapshot { version: VERSION, whatsapp: self.whatsapp.keep()?, yclients: self.yclients.keep() };
        let text = serde_json::to_vec(&snapshot)?;
        if text != self.written {
            replace(&self.file, &text)?;
            self.written = text;
        }
        Ok(())
    }
}

/// Nobody ever sees half a file; only its owner sees it at all.
fn replace(file: &Path, text: &[u8]) -> anyhow::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let draft = file.with_extension("new");
    let mut options = OpenOptions::new();
    let mut handle = options.write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    handle.write_all(text)?;
    handle.sync_all()?;
    fs::rename(&draft, file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::{Sandbox, SandboxConfig};

    fn config(file: &Path) -> SandboxConfig {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        SandboxConfig { whatsapp: any, yclients: any, control: any, world_file: Some(file.to_path_buf()), ..SandboxConfig::default() }
    }

    fn file_of(test: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("frontdesk-world-{}-{test}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        folder.join("deep").join("world.json")
    }

    #[tokio::test]
    async fn a_restart_finds_phones_and_installations_again() {
        let file = file_of("restart");
        let first = Sandbox::start(config(&file)).await.expect("starts");
        first.seed_demo().expect("a demo world");
        first.yclients().connect(100_002).expect("pressed");
        first.shutdown().await;

        let second = Sandbox::start(config(&file)).await.expect("starts again");
        second.seed_demo().expect("already there");
        let salons: Vec<_> = second.yclients().salons().iter().map(|salon| (salon.salon_id, salon.status)).collect();
        assert_eq!(salons, [(100_001, yclients::Status::Uninstalled), (100_002, yclients::Status::Pending)]);
        assert_eq!(second.whatsapp().phones().len(), 2);
        second.shutdown().await;
        fs::remove_dir_all(file.parent().and_then(Path::parent).expect("two folders")).expect("ours to remove");
    }

    #[tokio::test]
    async fn a_file_of_another_kind_is_refused_in_words() {
        let file = file_of("foreign");
        fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
        for content in ["{\"version\":99}", "not ours"] {
            fs::write(&file, content).expect("written");
            let error = Sandbox::start(config(&file)).await.err().expect("refused");
            assert!(error.to_string().contains("delete it to start with a new one"), "{error}");
            assert_eq!(fs::read_to_string(&file).expect("still there"), content, "nothing of others is overwritten");
        }
    }
}

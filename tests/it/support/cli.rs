//! Commands of the binary, as a person types them.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::stage::PATIENCE;

/// How a command ended and what it said.
#[derive(Debug)]
pub struct Said {
    pub code: Option<i32>,
    pub out: Vec<u8>,
    pub err: String,
}

impl Said {
    /// Panics unless it ended well.
    pub fn well(self) -> Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }
}

/// The binary on a data folder.
pub fn command(data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_frontdesk"));
    command.env_clear().env("FRONTDESK_DATA_DIR", data).env("PATH", "/usr/bin:/bin");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs it to its end.
pub async fn run(data: &Path, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Said {
    ended(command(data).args(arguments)).await
}

/// Runs a prepared command to its end.
pub async fn ended(command: &mut Command) -> Said {
    let output = tokio::time::timeout(PATIENCE, command.output()).await.expect("it ends in time").expect("the binary runs");
    Said { code: output.status.code(), out: output.stdout, err: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// The data folder's seal key.
pub fn key_file(data: &Path) -> PathBuf {
    data.join("seal.key")
}

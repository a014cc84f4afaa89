//! The command line's door into a running server: a file only the server's user can read says where it is and how to open it.
//! Why a file and the ops listener: `docs/adr/0005-backups.md`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::http::{Control, ControlError, ControlState, MadeBackup};
use crate::store::Store;
use crate::store::backup::{BackupError, Progress};

const FILE: &str = "control.json";

/// The copy that is being sent, in the data folder.
const SPOOL: &str = "backup.sending";

/// What the file says.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Door {
    /// Where the ops listener is.
    pub(crate) address: SocketAddr,
    /// Opens it.
    pub(crate) token: String,
    /// Who listens there.
    pub(crate) pid: u32,
}

impl Door {
    /// The door of the server that runs on this data folder, if one left word.
    pub(crate) fn of(data: &Path) -> Option<Self> {
        serde_json::from_str(&fs::read_to_string(data.join(FILE)).ok()?).ok()
    }
}

/// The door, from the inside. Shut until the store is open.
pub(super) struct Doorway {
    data: PathBuf,
    state: watch::Sender<Option<ControlState>>,
}

impl Doorway {
    pub(super) fn shut(data: &Path) -> Self {
        Self { data: data.to_path_buf(), state: watch::Sender::new(None) }
    }

    /// What the ops listener looks at.
    pub(super) fn watch(&self) -> watch::Receiver<Option<ControlState>> {
        self.state.subscribe()
    }

    /// Opens it: writes the file. The data folder is ours by now.
    pub(super) fn open(&self, ops: SocketAddr, store: &Store) -> io::Result<()> {
        let token = hex::encode(rand::random::<[u8; 32]>());
        let address = if ops.ip().is_unspecified() { SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), ops.port()) } else { ops };
        let door = Door { address, token: token.clone(), pid: std::process::id() };
        let draft = self.data.join("control.json.new");
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(serde_json::to_string(&door).map_err(io::Error::other)?.as_bytes())?;
        fs::rename(draft, self.data.join(FILE))?;
        let spool = self.data.join(SPOOL);
        remove(&spool)?;
        let control = Arc::new(StoreControl { store: store.clone(), spool });
        self.state.send_replace(Some(ControlState { token: Arc::new(SecretString::from(token)), control }));
        Ok(())
    }

    /// Closes it, and lets go of the store.
    pub(super) fn close(&self) {
        self.state.send_replace(None);
        if let Err(error) = remove(&self.data.join(FILE)) {
            tracing::warn!(%error, "control.json stays behind; it opens nothing any more");
        }
    }
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

struct StoreControl {
    store: Store,
    spool: PathBuf,
}

#[async_trait]
impl Control for StoreControl {
    async fn back_up(&self) -> Result<MadeBackup, ControlError> {
        let report = self.store.back_up(self.spool.clone(), Progress::default()).await.map_err(refused)?;
        // It stays readable through the open handle, and is gone when that is closed.
        let failed = |error: io::Error| ControlError::Failed(format!("the backup can't be sent: {error}"));
        let file = File::open(&self.spool).map_err(failed)?;
        remove(&self.spool).map_err(failed)?;
        Ok(MadeBackup { file: tokio::fs::File::from_std(file), bytes: report.bytes, records: report.records, sha256: report.sha256 })
    }
}

fn refused(error: BackupError) -> ControlError {
    let words = super::chain(&error);
    match error {
        BackupError::Busy => ControlError::Busy(words),
        _ => {
            tracing::error!(reason = %words, "backup.failed");
            ControlError::Failed(words)
        }
    }
}

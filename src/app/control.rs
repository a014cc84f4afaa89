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
use tokio::sync::{Semaphore, watch};

use crate::http::{Control, ControlError, ControlState, MadeBackup};
use crate::store::Store;
use crate::store::backup::{BackupError, BackupReport, Progress};

const FILE: &str = "control.json";

/// The copy that is being sent, in the data folder; and what it is called while it is being made.
const SPOOL: &str = "backup.sending";
const HALF_SPOOL: &str = "backup.sending.part";

/// Whoever came through this door, for the log: it knows no names.
const DOOR_USER: &str = "who can read control.json, through the ops listener";

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
        let spool = Spool { whole: self.data.join(SPOOL), half: self.data.join(HALF_SPOOL) };
        spool.clear()?;
        let control = Arc::new(StoreControl { store: store.clone(), spool, turn: Arc::new(Semaphore::new(1)) });
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

/// Where a copy waits to be sent.
#[derive(Clone)]
struct Spool {
    whole: PathBuf,
    half: PathBuf,
}

impl Spool {
    /// Removes what a crash or a failure left.
    fn clear(&self) -> io::Result<()> {
        remove(&self.half)?;
        remove(&self.whole)
    }

    /// The copy: it stays readable through the open handle, and is gone when that is closed.
    fn open(&self) -> io::Result<File> {
        let file = File::open(&self.whole);
        remove(&self.whole)?;
        file
    }
}

struct StoreControl {
    store: Store,
    spool: Spool,
    /// One at a time, from before the first look at the spool to after the last.
    turn: Arc<Semaphore>,
}

#[async_trait]
impl Control for StoreControl {
    async fn back_up(&self) -> Result<MadeBackup, ControlError> {
        let turn = Arc::clone(&self.turn).try_acquire_owned().map_err(|_| refused(&BackupError::Busy))?;
        let (store, spool) = (self.store.clone(), self.spool.clone());
        // A task of its own: whoever asked may hang up, and what has begun must not stay behind half done.
        let making = tokio::spawn(async move {
            let _turn = turn;
            spooled(&store, spool).await
        });
        let made = making.await.map_err(|_| ControlError::Failed("making the backup was interrupted; look at the log".to_owned()))?;
        made.map(|(file, report)| MadeBackup {
            file: tokio::fs::File::from_std(file),
            bytes: report.bytes,
            records: report.records,
            sha256: report.sha256,
        })
    }
}

/// Makes the copy and opens it. Everything that was ever stored leaves the server with it, so the log says so.
async fn spooled(store: &Store, spool: Spool) -> Result<(File, BackupReport), ControlError> {
    spool_work(&spool, Spool::clear).await?;
    let report = store.back_up(spool.whole.clone(), Progress::default()).await.map_err(|error| refused(&error))?;
    let file = spool_work(&spool, Spool::open).await?;
    tracing::info!(by = DOOR_USER, records = report.records, bytes = report.bytes, "backup.handed_out");
    Ok((file, report))
}

/// On a blocking thread: a disk that hangs must not hold a thread of the runtime.
async fn spool_work<T: Send + 'static>(spool: &Spool, work: fn(&Spool) -> io::Result<T>) -> Result<T, ControlError> {
    let spool = spool.clone();
    let done = tokio::task::spawn_blocking(move || work(&spool)).await;
    done.map_err(io::Error::other)
        .and_then(|done| done)
        .map_err(|error| ControlError::Failed(format!("the copy in the data folder can't be kept or opened: {error}")))
}

fn refused(error: &BackupError) -> ControlError {
    let words = super::chain(error);
    match error {
        BackupError::Busy => ControlError::Busy(words),
        _ => {
            tracing::error!(reason = %words, "backup.failed");
            ControlError::Failed(words)
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::store::{SealKey, StoreOptions};

    fn store_in(folder: &Path) -> Store {
        Store::open(StoreOptions::new(folder, SealKey::new([3; 32]))).unwrap()
    }

    fn control(folder: &Path, store: &Store) -> Arc<dyn Control> {
        let doorway = Doorway::shut(folder);
        doorway.open(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), store).unwrap();
        let door = doorway.watch().borrow().clone();
        door.unwrap().control
    }

    fn spools(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
        names.filter(|name| name.starts_with(SPOOL)).collect()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn whoever_hangs_up_in_the_middle_of_a_backup_leaves_the_door_open_for_the_next() {
        let folder = tempfile::tempdir().unwrap();
        let store = store_in(folder.path());
        let control = control(folder.path(), &store);
        for _ in 0..3 {
            assert!(control.back_up().now_or_never().is_none(), "it hangs up at once");
            let made = loop {
                match control.back_up().await {
                    Ok(made) => break made,
                    Err(ControlError::Busy(_)) => tokio::task::yield_now().await,
                    Err(failed @ ControlError::Failed(_)) => panic!("{failed:?}"),
                }
            };
            assert!(made.bytes > 0 && made.records > 0);
            assert_eq!(made.file.metadata().await.unwrap().len(), made.bytes, "it is open at its whole length");
            assert!(spools(folder.path()).is_empty(), "{:?}", spools(folder.path()));
        }
        store.close().await;
    }

    #[tokio::test]
    async fn what_a_crash_left_of_a_copy_to_be_sent_is_removed_at_the_start() {
        let folder = tempfile::tempdir().unwrap();
        let store = store_in(folder.path());
        for left in [SPOOL, HALF_SPOOL] {
            fs::write(folder.path().join(left), "half of it").unwrap();
        }
        let control = control(folder.path(), &store);
        assert!(spools(folder.path()).is_empty());
        assert!(control.back_up().await.is_ok());
        store.close().await;
    }

    /// What this thread logs.
    #[derive(Clone)]
    struct Lines(std::sync::mpsc::Sender<Vec<u8>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let _ = self.0.send(bytes.to_vec());
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_copy_of_everything_that_is_handed_out_is_in_the_log_with_its_size_and_who_took_it() {
        let (sender, lines) = std::sync::mpsc::channel();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || Lines(sender.clone())).finish();
        let _listening = tracing::subscriber::set_default(subscriber);
        let folder = tempfile::tempdir().unwrap();
        let store = store_in(folder.path());
        let made = control(folder.path(), &store).back_up().await.unwrap_or_else(|error| panic!("{error:?}"));
        store.close().await;
        let log = lines.try_iter().map(|line| String::from_utf8(line).unwrap()).collect::<String>();
        let said: Vec<&str> = log.lines().filter(|line| line.contains("backup.handed_out")).collect();
        let [line] = said.as_slice() else { panic!("{log}") };
        assert!(line.contains("INFO") && line.contains(&format!("bytes={}", made.bytes)), "{line}");
        assert!(line.contains("control.json") && line.contains("ops listener"), "{line}");
    }
}

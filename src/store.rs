//! The embedded store: the ports [`Records`](frontdesk_actors::ports::Records) and [`Vault`](frontdesk_actors::ports::Vault) on sled, in one folder, so that the engine can be replaced here.
//!
//! ```text
//! Store ──▶ Reader ─────────────────────────────────▶ Disk (sled: one tree)
//!   └─ queue ──▶ Writer (one thread) ──▶ Draft, Group ──▶ Disk::commit: apply_batch, flush, sync_data
//! ```
//!
//! * **The promise**: `Ok` of a write means that it survives kill -9 and a power cut. An error means that nothing of it is visible now; after
//!   a failed commit or a crash without an answer, the next start shows all of the commit or nothing.
//! * **Reads** see every answered commit, never half of one; see `reader.rs` for the moment in between.
//! * **Whole**: a sum over all entries is kept with every commit and compared at start (`digest`); backups are of one moment (`backup`).
//! * **Sealed**: every value but the meta records (`seal`). Keys are not.
//! * **Bounded**: requests and bytes that wait (`Overloaded` after a short wait), requests and bytes per commit, rows per answer, value and
//!   key lengths.
//!
//! Why sled is used like this: `docs/adr/0001-sled.md`.

mod apply;
pub mod backup;
mod commit;
mod commit_mark;
mod counters;
mod digest;
mod disk;
mod draft;
mod fault;
mod folder;
mod health;
mod inbox;
mod key_file;
mod keys;
mod migrations;
mod observe;
mod open;
mod operators;
mod pieces;
mod ports;
mod reader;
mod records;
mod roster;
mod rotate;
mod seal;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use frontdesk_actors::ports::{Clock, RecordsError, SystemClock};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

pub use crate::store::key_file::SealKeyError;
pub use crate::store::observe::{CommitReport, NoObserver, StoreObserver};
pub use crate::store::open::{Inspection, OpenError, inspect};
pub use crate::store::rotate::{RotateError, rotate};
pub use crate::store::seal::{SealKey, SealKeyFormatError};

use crate::store::backup::{BackupError, BackupReport, CopyOrder, Progress};
use crate::store::counters::Counters;
use crate::store::draft::Draft;
use crate::store::fault::Fault;
use crate::store::health::Health;
use crate::store::reader::Reader;
use crate::store::roster::Roster;
use crate::store::seal::Seal;
use crate::store::writer::{Job, Message, QUEUE_REQUESTS, QUEUE_UNITS, WEIGHT_UNIT_BYTES, Writer};

/// Memory for pages, when nothing else is said. The process takes up to about 2.4 times as much for them.
pub const DEFAULT_CACHE_BYTES: u64 = 64 * 1024 * 1024;

/// Entries of the audit log that are kept, when nothing else is said.
pub const DEFAULT_AUDIT_ENTRIES: u64 = 100_000;

/// How long a caller waits for room in the queue before it hears `Overloaded`.
const ADMISSION_PATIENCE: Duration = Duration::from_millis(250);

/// The layout that this program writes, and the newest it can read.
pub fn newest_schema() -> u32 {
    migrations::MIGRATIONS.last().map_or(0, |migration| migration.to)
}

/// How to open a store.
pub struct StoreOptions {
    /// The data folder; made when absent.
    pub dir: PathBuf,
    /// Memory for pages.
    pub cache_bytes: u64,
    /// Seals everything at rest.
    pub seal_key: SealKey,
    /// Listens for metrics.
    pub observer: Arc<dyn StoreObserver>,
    /// Ends claims and dates markers.
    pub clock: Arc<dyn Clock>,
    /// Entries of the audit log that are kept.
    pub audit_entries: u64,
    sync: bool,
}

impl StoreOptions {
    /// The usual: 64 MiB of cache, the machine's clock, nobody listening.
    pub fn new(dir: impl Into<PathBuf>, seal_key: SealKey) -> Self {
        Self {
            dir: dir.into(),
            cache_bytes: DEFAULT_CACHE_BYTES,
            seal_key,
            observer: Arc::new(NoObserver),
            clock: Arc::new(SystemClock),
            audit_entries: DEFAULT_AUDIT_ENTRIES,
            sync: true,
        }
    }

    /// Breaks the promise: what is acknowledged may be lost on a power cut. Only so that the power-cut test can show that it would notice.
    #[must_use]
    pub fn without_sync(mut self) -> Self {
        self.sync = false;
        self
    }
}

/// The store. Cheap to clone; the last one to go waits for the writer and frees the folder.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    reader: Reader,
    health: Arc<Health>,
    observer: Arc<dyn StoreObserver>,
    counters: watch::Receiver<Counters>,
    audit_entries: u64,
    roster: Arc<Roster>,
    room: Arc<Semaphore>,
    /// `None` only while dropping.
    queue: Option<mpsc::Sender<Message>>,
    writer: Option<JoinHandle<()>>,
    done: watch::Receiver<bool>,
    /// One backup at a time.
    copying: Arc<Semaphore>,
}

impl Store {
    /// Opens or creates the database of a folder. Blocks for as long as the engine reads (a second per some gigabytes).
    pub fn open(options: StoreOptions) -> Result<Self, OpenError> {
        let seal = Seal::new(&options.seal_key);
        let opened = open::open(&open::Request { data: &options.dir, cache_bytes: options.cache_bytes, seal: &seal, sync: options.sync })?;
        if !options.sync {
            tracing::warn!("store.unsafe: commits are not synced; a power cut loses acknowledged data");
        }
        Self::start(opened, seal, options)
    }

    fn start(opened: open::Opened, seal: Seal, options: StoreOptions) -> Result<Self, OpenError> {
        let disk = Arc::new(opened.disk);
        let health = Arc::new(Health::default());
        let (queue, requests) = mpsc::channel(QUEUE_REQUESTS);
        let (shown, counters) = watch::channel(opened.counters.clone());
        let (finish, done) = watch::channel(false);
        let roster = Arc::new(Roster::default());
        let writer = Writer {
            roster: Arc::clone(&roster),
            disk: Arc::clone(&disk),
            seal: seal.clone(),
            counters: opened.counters,
            shown,
            health: Arc::clone(&health),
            observer: Arc::clone(&options.observer),
            clock: options.clock,
            copying: None,
        };
        let thread = thread::Builder::new().name("store-writer".to_owned());
        let writer = thread.spawn(move || writer.run(requests, finish));
        let writer = writer.map_err(|source| OpenError::Io { folder: options.dir, source })?;
        Ok(Self(Arc::new(Shared {
            reader: Reader { disk, seal, health: Arc::clone(&health) },
            health,
            observer: options.observer,
            counters,
            audit_entries: options.audit_entries,
            roster,
            room: Arc::new(Semaphore::new(QUEUE_UNITS)),
            queue: Some(queue),
            writer: Some(writer),
            done,
            copying: Arc::new(Semaphore::new(1)),
        })))
    }

    /// Refuses new requests, finishes what is queued and ends the writer. May be called again. The folder is free for another store when all
    /// clones are gone.
    pub async fn close(&self) {
        self.0.health.close();
        if let Some(queue) = &self.0.queue {
            let _ = queue.send(Message::Close).await; // an error means that it has ended already
        }
        let _ = self.0.done.clone().wait_for(|done| *done).await;
    }

    /// Opens every value once: an error names the first that can't be read. Blocks; returns the keys seen.
    pub fn verify(&self) -> Result<u64, RecordsError> {
        self.0.reader.verify()
    }

    /// Writes a sealed and verified copy of everything acknowledged so far to `file`, which appears when it is complete. Commits go on meanwhile.
    pub async fn back_up(&self, file: PathBuf, progress: Progress) -> Result<BackupReport, BackupError> {
        let shared = &*self.0;
        let turn = Arc::clone(&shared.copying).try_acquire_owned().map_err(|_| BackupError::Busy)?;
        shared.health.check().map_err(|_| BackupError::Closed)?;
        let (out, words) = mpsc::channel(backup::WORDS_WAITING);
        let queue = shared.queue.as_ref().ok_or(BackupError::Closed)?;
        queue.send(Message::Copy(CopyOrder { out })).await.map_err(|_| BackupError::Closed)?;
        let seal = shared.reader.seal.clone();
        let writing = tokio::task::spawn_blocking(move || {
            let _turn = turn; // held to the end, also when the caller has given up
            backup::write(&file, &seal, words, &progress)
        });
        writing.await.map_err(|_| BackupError::Closed)?
    }

    /// Answers when the writer has served what waits before this. Writes nothing.
    pub async fn pulse(&self) -> Result<(), RecordsError> {
        self.submit(1, |_| Ok(())).await
    }

    /// Has the writer do `work`, and returns its result once it is durable. `weight` estimates its bytes.
    async fn submit<T, F>(&self, weight: usize, work: F) -> Result<T, RecordsError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Draft<'_>) -> Result<T, Fault> + Send + 'static,
    {
        let shared = &*self.0;
        shared.health.check()?;
        let units = u32::try_from(weight.div_ceil(WEIGHT_UNIT_BYTES).clamp(1, QUEUE_UNITS)).unwrap_or(u32::MAX);
        let (job, answer) = Job::new(work);
        let queue = shared.queue.as_ref().ok_or(RecordsError::Closed)?;
        let admission = async {
            let room = Arc::clone(&shared.room).acquire_many_owned(units).await.ok()?;
            queue.send(Message::Request(job, room)).await.ok()
        };
        match timeout(ADMISSION_PATIENCE, admission).await {
            Ok(Some(())) => {}
            Ok(None) => return Err(RecordsError::Closed),
            Err(_) => {
                shared.observer.overloaded();
                return Err(RecordsError::Overloaded);
            }
        }
        match answer.await {
            Ok(answer) => answer,
            Err(_) => Err(shared.health.failure().unwrap_or(RecordsError::Closed)),
        }
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Store")
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // It finishes what is queued first. An error is its panic, which it has reported itself.
            let _ = writer.join();
        }
    }
}

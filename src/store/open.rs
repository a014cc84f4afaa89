//! Opening a database: whatever is wrong with it gets a name, and nothing panics.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use thiserror::Error;

use crate::store::commit_mark::{self, CommitMark};
use crate::store::counters::Counters;
use crate::store::disk::{Disk, DiskParts, sync_folder};
use crate::store::fault::{Fault, guarded};
use crate::store::folder;
use crate::store::keys;
use crate::store::migrations::{self, Context, MIGRATIONS, Migration, SchemaError};
use crate::store::pieces::Entries;
use crate::store::records::decode;
use crate::store::seal::Seal;

/// Sealed at the first start; only the right key opens it.
pub(super) const SEAL_CHECK_TEXT: &[u8] = b"frontdesk store";

/// How often the engine writes and cleans up by itself. Only this thread of the engine frees the space of old values; durability does not
/// depend on it.
const HOUSEKEEPING_EVERY_MS: u64 = 500;

/// The engine lets go of its own lock a moment after the last handle is dropped. Our lock is ours by then, so waiting is safe.
const ENGINE_LOCK_TRIES: u32 = 400;
const ENGINE_LOCK_PAUSE: Duration = Duration::from_millis(10);

/// Why a data folder can't be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Another process has it, or another store of this one.
    #[error("the data folder {folder} is in use by another frontdesk process; stop that one, or give this one its own folder")]
    AlreadyOpen {
        /// Which folder.
        folder: PathBuf,
    },
    /// Written by a newer program.
    #[error(
        "the database has layout version {found}, this program knows versions up to {supported}; start the newer program, or restore a backup of this one"
    )]
    Newer {
        /// In the database.
        found: u32,
        /// Known here.
        supported: u32,
    },
    /// The database is broken. Never repaired on the quiet: an operator restores a backup.
    #[error("the database is damaged ({step}); stop, keep a copy of the folder, and restore the latest backup")]
    Damaged {
        /// Which step found it; no data.
        step: String,
    },
    /// Not the key it was sealed with.
    #[error(
        "the seal key is not the one this database was made with; set the right FRONTDESK_STORE_SEAL_KEY, or put the right seal.key back"
    )]
    WrongSealKey,
    /// This user may not read or write there.
    #[error("this user may not read and write {folder}; the folder must belong to the user that runs frontdesk")]
    Permissions {
        /// Which folder.
        folder: PathBuf,
    },
    /// The file system refused for another reason.
    #[error("the data folder {folder} can't be used")]
    Io {
        /// Which folder.
        folder: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

impl OpenError {
    fn damaged(step: impl Into<String>) -> Self {
        Self::Damaged { step: step.into() }
    }

    pub(super) fn io(folder: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| match source.kind() {
            ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => Self::Permissions { folder: folder.to_path_buf() },
            _ => Self::Io { folder: folder.to_path_buf(), source },
        }
    }
}

impl From<Fault> for OpenError {
    fn from(fault: Fault) -> Self {
        Self::damaged(fault.describe())
    }
}

/// An open database and what was read from it.
pub(super) struct Opened {
    pub(super) disk: Disk,
    pub(super) counters: Counters,
}

/// What opening needs to know.
pub(super) struct Request<'a> {
    pub(super) data: &'a Path,
    pub(super) cache_bytes: u64,
    pub(super) seal: &'a Seal,
    pub(super) sync: bool,
}

/// Opens or creates the database of a data folder.
pub(super) fn open(request: &Request<'_>) -> Result<Opened, OpenError> {
    open_with(request, MIGRATIONS)
}

/// Like [`open`], up to the last of these migrations.
pub(super) fn open_with(request: &Request<'_>, migrations: &[Migration]) -> Result<Opened, OpenError> {
    let data = request.data;
    folder::make(data).map_err(OpenError::io(data))?;
    let lock = folder::lock(data).map_err(OpenError::io(data))?;
    let lock = lock.ok_or_else(|| OpenError::AlreadyOpen { folder: data.to_path_buf() })?;
    let store = folder::store_folder(data);
    if !store.exists() {
        create(request, migrations, &lock)?;
    }
    open_store(&store, request, migrations, lock)
}

/// Makes a new database beside its place and moves it there when it is complete: a crash leaves none or a whole one.
fn create(request: &Request<'_>, migrations: &[Migration], lock: &File) -> Result<(), OpenError> {
    let failed = || OpenError::io(request.data);
    let draft = folder::draft_folder(request.data);
    folder::remove_draft(&draft).map_err(failed())?;
    folder::make(&draft).map_err(failed())?;
    let lock = lock.try_clone().map_err(failed())?;
    drop(open_store(&draft, request, migrations, lock)?);
    folder::publish(request.data).map_err(failed())
}

fn open_store(store: &Path, request: &Request<'_>, migrations: &[Migration], lock: File) -> Result<Opened, OpenError> {
    folder::remove_unfinished_snapshots(store).map_err(OpenError::io(store))?;
    let mark = CommitMark::open(store).map_err(OpenError::io(store))?;
    if mark.read() > 0 && !store.join("db").exists() {
        return Err(OpenError::damaged("the file store/db is missing"));
    }
    let db = open_engine(store, request.cache_bytes)?;
    let file = sync_new_files(store).map_err(OpenError::io(store))?;
    let disk = Disk::new(DiskParts { db, file, mark, sync: request.sync, lock });
    let counters = check(&disk, request.seal, migrations)?;
    Ok(Opened { disk, counters })
}

/// Opens the engine on a thread of its own: a damaged database can make it panic.
fn open_engine(store: &Path, cache_bytes: u64) -> Result<sled::Db, OpenError> {
    for _ in 0..ENGINE_LOCK_TRIES {
        match try_engine(store, cache_bytes)? {
            Ok(db) => return Ok(db),
            Err(sled::Error::Io(error)) if holds_lock(&error) => thread::park_timeout(ENGINE_LOCK_PAUSE),
            Err(error) => return Err(engine_error(store, error)),
        }
    }
    Err(OpenError::AlreadyOpen { folder: store.to_path_buf() })
}

fn try_engine(store: &Path, cache_bytes: u64) -> Result<sled::Result<sled::Db>, OpenError> {
    let config = sled::Config::new().path(store).cache_capacity(cache_bytes).flush_every_ms(Some(HOUSEKEEPING_EVERY_MS));
    let opening = thread::Builder::new().name("store-open".to_owned()).spawn(move || config.open());
    let opening = opening.map_err(OpenError::io(store))?;
    opening.join().map_err(|_| OpenError::damaged("the database engine panicked while opening"))
}

/// The engine gives this refusal no kind of its own.
fn holds_lock(error: &std::io::Error) -> bool {
    error.to_string().contains("could not acquire lock")
}

fn engine_error(store: &Path, error: sled::Error) -> OpenError {
    match error {
        sled::Error::Io(error) => match error.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::InvalidData | ErrorKind::NotFound => {
                OpenError::damaged(format!("a part of the database can't be read: {error}"))
            }
            _ => OpenError::io(store)(error),
        },
        sled::Error::Corruption { .. } => OpenError::damaged("the database engine found corrupted data"),
        error => OpenError::damaged(format!("the database engine refused it: {error}")),
    }
}

/// The engine never syncs its small files and its folder; a new database would not survive a power cut.
fn sync_new_files(store: &Path) -> std::io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).open(store.join("db"))?;
    file.sync_all()?;
    for name in ["conf", commit_mark::FILE_NAME] {
        File::open(store.join(name))?.sync_all()?;
    }
    sync_folder(store)?;
    Ok(file)
}

/// Layout, key and completeness, in this order: each needs the one before it.
fn check(disk: &Disk, seal: &Seal, migrations: &[Migration]) -> Result<Counters, OpenError> {
    let context = Context { disk, seal };
    let supported = migrations.last().map_or(0, |migration| migration.to);
    match migrations::version(disk)? {
        Some(found) if found > supported => return Err(OpenError::Newer { found, supported }),
        Some(_) => check_seal(disk, seal)?,
        None => {} // new, or damaged: the migrations tell
    }
    guarded("migrating", || Ok(migrations::migrate(&context, migrations)))?.map_err(|error| match error {
        SchemaError::Newer { found, supported } => OpenError::Newer { found, supported },
        SchemaError::Missing => OpenError::damaged("the layout version is missing"),
        SchemaError::Fault(fault) => fault.into(),
    })?;
    let counters = disk.entry(keys::COUNTERS)?.ok_or_else(|| OpenError::damaged("the counters are missing"))?;
    let counters: Counters = decode(&counters)?;
    let missing = disk.marked_commits().saturating_sub(counters.commits);
    if missing > 0 {
        return Err(OpenError::damaged(format!("the newest {missing} commits are missing")));
    }
    Ok(counters)
}

fn check_seal(disk: &Disk, seal: &Seal) -> Result<(), OpenError> {
    let sealed = disk.entry(keys::SEAL_CHECK)?.ok_or_else(|| OpenError::damaged("the seal check is missing"))?;
    match seal.open(keys::SEAL_CHECK, &sealed) {
        Ok(_) => Ok(()),
        Err(_) => Err(OpenError::WrongSealKey),
    }
}

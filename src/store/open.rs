//! Opening a database: whatever is wrong with it gets a name, and nothing panics.

use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use thiserror::Error;
use tokio::time::Instant;

use crate::store::commit_mark::{self, CommitMark};
use crate::store::counters::Counters;
use crate::store::digest::TreeDigest;
use crate::store::disk::{Disk, DiskParts, Walk, sync_folder};
use crate::store::fault::{Fault, guarded};
use crate::store::folder;
use crate::store::keys;
use crate::store::migrations::{self, Context, MIGRATIONS, Migration, SchemaError};
use crate::store::pieces::{self, Entries};
use crate::store::records::decode;
use crate::store::seal::{Seal, SealKey};

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
    #[error(
        "the database is damaged ({step}); keep a copy of the folder, and restore the latest backup into an empty one: `frontdesk restore --help`"
    )]
    Damaged {
        /// Which step found it; no data.
        step: String,
    },
    /// Not the key it was sealed with.
    #[error(
        "the seal key is not the one this database is sealed with; set the right FRONTDESK_STORE_SEAL_KEY, or put the right seal.key back (after an interrupted `frontdesk keys rotate-seal` it may be the new one)"
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
    folder::settle_swap(data).map_err(OpenError::io(data))?;
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
    let disk = open_disk(store, request.cache_bytes, request.sync, lock)?;
    let counters = check(&disk, request.seal, migrations)?;
    Ok(Opened { disk, counters })
}

/// Opens the engine of a folder, whatever is in it.
pub(super) fn open_disk(store: &Path, cache_bytes: u64, sync: bool, lock: File) -> Result<Disk, OpenError> {
    folder::remove_unfinished_snapshots(store).map_err(OpenError::io(store))?;
    let mark = CommitMark::open(store).map_err(OpenError::io(store))?;
    if mark.read() > 0 && !store.join("db").exists() {
        return Err(OpenError::damaged("the file store/db is missing"));
    }
    let db = open_engine(store, cache_bytes)?;
    let file = sync_new_files(store).map_err(OpenError::io(store))?;
    Ok(Disk::new(DiskParts { db, file, mark, sync, lock }))
}

/// Opens the database at its place, which exists, while the caller holds the lock.
pub(super) fn open_existing(request: &Request<'_>, lock: File) -> Result<Opened, OpenError> {
    open_store(&folder::store_folder(request.data), request, MIGRATIONS, lock)
}

/// Opens a database beside its place, as the next start would open it at its place, with every value.
pub(super) fn open_draft(data: &Path, seal: &Seal, cache_bytes: u64, lock: File) -> Result<Opened, OpenError> {
    let request = Request { data, cache_bytes, seal, sync: true };
    let opened = open_store(&folder::draft_folder(data), &request, MIGRATIONS, lock)?;
    pieces::verify(&opened.disk, seal)?;
    Ok(opened)
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
    let found = check_as_found(disk, seal, migrations)?;
    let migrated = guarded("migrating", || Ok(migrations::migrate(&context, migrations)))?.map_err(|error| match error {
        SchemaError::Newer { found, supported } => OpenError::Newer { found, supported },
        SchemaError::Missing => OpenError::damaged("the layout version is missing"),
        SchemaError::Fault(fault) => fault.into(),
    })?;
    let mut counters = read_counters(disk)?;
    counters.digest = match found {
        Some(found) if !migrated => found.counters.digest,
        _ => Some(survey(disk)?),
    };
    Ok(counters)
}

/// What is there before anything is changed; `None` when nothing is.
fn check_as_found(disk: &Disk, seal: &Seal, migrations: &[Migration]) -> Result<Option<Found>, OpenError> {
    let supported = migrations.last().map_or(0, |migration| migration.to);
    let schema = match migrations::version(disk)? {
        Some(found) if found > supported => return Err(OpenError::Newer { found, supported }),
        Some(found) => found,
        None => return Ok(None), // new, or damaged: the migrations tell
    };
    check_seal(disk, seal)?;
    let mut counters = read_counters(disk)?;
    let missing = disk.marked_commits().saturating_sub(counters.commits);
    if missing > 0 {
        return Err(OpenError::damaged(format!("the newest {missing} commits are missing")));
    }
    let digest = survey(disk)?;
    match counters.digest {
        Some(noted) if noted.entries > digest.entries => {
            return Err(OpenError::damaged(format!("{} records are missing", noted.entries - digest.entries)));
        }
        Some(noted) if noted != digest => return Err(OpenError::damaged("records are not as they were written")),
        Some(_) | None => counters.digest = Some(digest),
    }
    Ok(Some(Found { schema, counters }))
}

/// A database that is as it was written.
struct Found {
    schema: u32,
    counters: Counters,
}

fn read_counters(disk: &Disk) -> Result<Counters, OpenError> {
    let counters = disk.entry(keys::COUNTERS)?.ok_or_else(|| OpenError::damaged("the counters are missing"))?;
    Ok(decode(&counters)?)
}

/// Reads every entry.
fn survey(disk: &Disk) -> Result<TreeDigest, OpenError> {
    let began = Instant::now();
    let mut digest = TreeDigest::default();
    disk.each(b"", |key, entry| {
        if key != keys::COUNTERS {
            digest.add(key, entry);
        }
        Ok(Walk::On)
    })?;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    tracing::debug!(records = digest.entries, took_ms, "store.read_through");
    Ok(digest)
}

fn check_seal(disk: &Disk, seal: &Seal) -> Result<(), OpenError> {
    let sealed = disk.entry(keys::SEAL_CHECK)?.ok_or_else(|| OpenError::damaged("the seal check is missing"))?;
    match seal.open(keys::SEAL_CHECK, &sealed) {
        Ok(_) => Ok(()),
        Err(_) => Err(OpenError::WrongSealKey),
    }
}

/// What a look into a data folder found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Layout of the database.
    pub schema: u32,
    /// Will the next start bring it up to a newer layout?
    pub migrates: bool,
    /// Entries in it.
    pub entries: u64,
    /// Companies given an id so far.
    pub companies: u64,
}

/// Looks whether the database of a folder is whole, without changing its records. `None`: there is none yet. Takes the folder's lock meanwhile.
pub fn inspect(data: &Path, key: &SealKey, cache_bytes: u64) -> Result<Option<Inspection>, OpenError> {
    let store = folder::store_folder(data);
    if !store.exists() {
        return Ok(None);
    }
    let lock = folder::lock(data).map_err(OpenError::io(data))?;
    let lock = lock.ok_or_else(|| OpenError::AlreadyOpen { folder: data.to_path_buf() })?;
    let disk = open_disk(&store, cache_bytes, true, lock)?;
    let found = check_as_found(&disk, &Seal::new(key), MIGRATIONS)?;
    let found = found.ok_or_else(|| OpenError::damaged("the layout version is missing"))?;
    let entries = found.counters.digest.map_or(0, |digest| digest.entries);
    Ok(Some(Inspection {
        schema: found.schema,
        migrates: found.schema < crate::store::newest_schema(),
        entries,
        companies: found.counters.last_company,
    }))
}

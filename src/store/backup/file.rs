//! Backups as files: written aside, synced, read back, renamed. What has its name is whole.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;

use super::copy::{CopyWord, decode};
use super::error::BackupError;
use super::frames::{FrameReader, FrameWriter, Kind};
use super::{BackupHead, BackupReport, Progress};
use crate::store::disk::sync_folder;
use crate::store::folder;
use crate::store::keys;
use crate::store::pieces::{self, Layout};
use crate::store::seal::{Seal, SealKey};

/// Added to the name of a file that is not complete.
pub(super) const PART_SUFFIX: &str = ".part";

/// Writes the copy to `file`, which must not exist, and verifies it before it gets its name. Blocks.
pub(in crate::store) fn write(
    file: &Path,
    seal: &Seal,
    mut words: mpsc::Receiver<CopyWord>,
    progress: &Progress,
) -> Result<BackupReport, BackupError> {
    let failed = |source| BackupError::Io { file: file.to_path_buf(), source };
    if file.exists() {
        return Err(failed(io::ErrorKind::AlreadyExists.into()));
    }
    let part = part_of(file);
    let result = fill(&part, seal, &mut words, progress).and_then(|(sha256, bytes)| {
        let report = read_back(&part, seal)?;
        fs::rename(&part, file).map_err(failed)?;
        sync_folder(file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))).map_err(failed)?;
        Ok(BackupReport { sha256, bytes, ..report })
    });
    if result.is_err() {
        let _ = fs::remove_file(&part); // it may never have been there
    }
    result
}

fn part_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(PART_SUFFIX);
    name.into()
}

/// Writes what the writer tells, to its end, and syncs it.
fn fill(part: &Path, seal: &Seal, words: &mut mpsc::Receiver<CopyWord>, progress: &Progress) -> Result<([u8; 32], u64), BackupError> {
    let failed = |source| BackupError::Io { file: part.to_path_buf(), source };
    if let Some(folder) = part.parent() {
        folder::make(folder).map_err(failed)?;
    }
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(part).map_err(failed)?;
    let to = Hashed { to: BufWriter::new(file), hash: Sha256::new(), bytes: 0 };
    let mut frames = FrameWriter::new(to, seal).map_err(failed)?;
    let mut records: u64 = 0;
    loop {
        match words.blocking_recv() {
            Some(CopyWord::Begun(head)) => {
                let json = serde_json::to_vec(&head).expect("a head is plain JSON");
                frames.frame(Kind::Head, &json).map_err(failed)?;
            }
            Some(CopyWord::Portion { pairs, bytes }) => {
                records += pairs;
                frames.frame(Kind::Pairs, &bytes).map_err(failed)?;
                progress.add(pairs);
            }
            Some(CopyWord::Complete) => break,
            Some(CopyWord::Failed(why)) => return Err(BackupError::Source(why)),
            Some(CopyWord::TooSlow) => return Err(BackupError::TooSlow { file: part.to_path_buf() }),
            None => return Err(BackupError::Closed),
        }
    }
    frames.frame(Kind::End, &records.to_be_bytes()).map_err(failed)?;
    let written = frames.into_inner();
    let file = written.to.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok((written.hash.finalize().into(), written.bytes))
}

struct Hashed {
    to: BufWriter<File>,
    hash: Sha256,
    bytes: u64,
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hash.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Reads a whole backup: every frame, and every value in it. Its SHA-256 is not made anew.
pub fn verify(file: &Path, key: &SealKey) -> Result<BackupReport, BackupError> {
    read_back(file, &Seal::new(key))
}

/// What a backup says about itself; only its beginning is read.
pub fn inspect(file: &Path, key: &SealKey) -> Result<BackupHead, BackupError> {
    let seal = Seal::new(key);
    let opened = File::open(file).map_err(|source| BackupError::Io { file: file.to_path_buf(), source })?;
    head(&mut FrameReader::new(BufReader::new(opened), &seal)?)
}

fn read_back(file: &Path, seal: &Seal) -> Result<BackupReport, BackupError> {
    let failed = |source| BackupError::Io { file: file.to_path_buf(), source };
    let opened = File::open(file).map_err(failed)?;
    let bytes = opened.metadata().map_err(failed)?.len();
    let mut values = Values::default();
    let (head, records) =
        each(BufReader::new(opened), seal, |pairs| pairs.iter().try_for_each(|(key, entry)| values.see(seal, key, entry)))?;
    values.complete()?;
    Ok(BackupReport { head, records, bytes, sha256: [0; 32] })
}

/// Reads a backup, and hands out its entries some at a time. What was handed out counts only when this returns `Ok`.
pub(super) fn each<E: From<BackupError>>(
    from: impl Read,
    seal: &Seal,
    mut visit: impl FnMut(&[(&[u8], &[u8])]) -> Result<(), E>,
) -> Result<(BackupHead, u64), E> {
    let mut frames = FrameReader::new(from, seal)?;
    let head = head(&mut frames)?;
    let mut records: u64 = 0;
    loop {
        match frames.next()? {
            (Kind::Pairs, bytes) => {
                let pairs = decode(&bytes).ok_or(BackupError::Damaged { what: "entries can't be told apart" })?;
                records += pairs.len() as u64;
                visit(&pairs)?;
            }
            (Kind::End, said) if said == records.to_be_bytes() => return Ok((head, records)),
            (Kind::End, _) => return Err(BackupError::Damaged { what: "records are missing" }.into()),
            (Kind::Head, _) => return Err(BackupError::Damaged { what: "it begins twice" }.into()),
        }
    }
}

fn head(frames: &mut FrameReader<'_, impl Read>) -> Result<BackupHead, BackupError> {
    match frames.next()? {
        (Kind::Head, json) => serde_json::from_slice(&json).map_err(|_| BackupError::Damaged { what: "its beginning can't be read" }),
        (Kind::Pairs | Kind::End, _) => Err(BackupError::Damaged { what: "its beginning is missing" }),
    }
}

/// Sees whether every value of a copy is there and opens. Values in parts are counted, not joined: their parts lie far apart.
#[derive(Default)]
struct Values {
    /// Parts still expected, by the value's key; below zero when they came first.
    missing: HashMap<Vec<u8>, i64>,
}

impl Values {
    fn see(&mut self, seal: &Seal, key: &[u8], entry: &[u8]) -> Result<(), BackupError> {
        match pieces::layout(key, entry) {
            Layout::Plain => Ok(()),
            Layout::Whole(sealed) => match seal.open(key, sealed) {
                Ok(_) => Ok(()),
                Err(_) => Err(BackupError::Damaged { what: "a value does not open" }),
            },
            Layout::Parted(parts) => self.expect(key, parts.into()),
            Layout::Part => self.expect(keys::of_part(key).unwrap_or_default(), -1),
            Layout::Unknown => Err(BackupError::Damaged { what: "a value of an unknown form" }),
        }
    }

    fn expect(&mut self, key: &[u8], parts: i64) -> Result<(), BackupError> {
        let missing = self.missing.entry(key.to_vec()).or_default();
        *missing += parts;
        if *missing == 0 {
            self.missing.remove(key);
        }
        Ok(())
    }

    fn complete(&self) -> Result<(), BackupError> {
        if self.missing.is_empty() { Ok(()) } else { Err(BackupError::Damaged { what: "parts of a value are missing" }) }
    }
}

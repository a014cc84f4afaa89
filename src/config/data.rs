//! What concerns the data folder: all that backup, restore and the keys need to know. They work without the secrets of a server.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::{ExposeSecret as _, SecretString};

use super::read::Reader;
use super::{Config, ConfigError};

/// Backups that the server makes by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// Where they are.
    pub folder: PathBuf,
    /// How often.
    pub every: Duration,
    /// How many of the newest stay; 0: none are made.
    pub keep: usize,
    /// For how many days the newest of the day stays beside those.
    pub keep_days: usize,
}

/// The part of a configuration that is about the data folder.
#[derive(Debug, Clone)]
pub struct DataSettings {
    /// The data folder.
    pub data_dir: PathBuf,
    /// Page cache of the store, bytes.
    pub cache_bytes: u64,
    /// Seals what is stored. `None`: the key file in the data folder.
    pub seal_key: Option<SecretString>,
}

impl Config {
    /// Reads only what concerns the data folder, from the same places as [`Config::load`].
    pub fn data<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
        environment: &BTreeMap<String, String>,
    ) -> Result<DataSettings, ConfigError> {
        let mut reader = Reader::over(files, environment);
        let settings = DataSettings {
            data_dir: PathBuf::from(reader.text("store.data_dir")),
            cache_bytes: read_cache_bytes(&mut reader),
            seal_key: read_seal_key(&mut reader),
        };
        match reader.finish() {
            problems if problems.is_empty() => Ok(settings),
            problems => Err(ConfigError(problems)),
        }
    }
}

pub(super) fn read_cache_bytes(reader: &mut Reader) -> u64 {
    reader.integer("store.cache_mib", 8, 65_536) * 1024 * 1024
}

pub(super) fn read_seal_key(reader: &mut Reader) -> Option<SecretString> {
    let key = reader.secret("store.seal_key")?;
    let is_hex_of_32 = hex::decode(key.expose_secret()).is_ok_and(|bytes| bytes.len() == 32);
    if !is_hex_of_32 {
        reader.problem("store.seal_key", "must be 64 hex digits (32 bytes); make one with `openssl rand -hex 32`");
    }
    Some(key)
}

pub(super) fn read_backup(reader: &mut Reader) -> BackupSettings {
    let folder = reader.text("backup.folder");
    let beside_the_data = PathBuf::from(reader.text("store.data_dir")).join("backups");
    BackupSettings {
        folder: if folder.is_empty() { beside_the_data } else { folder.into() },
        every: reader.duration("backup.every"),
        keep: reader.integer("backup.keep", 0, 10_000) as usize,
        keep_days: reader.integer("backup.keep_days", 0, 3_650) as usize,
    }
}

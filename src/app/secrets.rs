//! The secret of page tokens and the first admin key: given, or (outside production) generated once and kept in the data folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use secrecy::SecretString;

use crate::auth::MIN_SECRET_BYTES;
use crate::config::{Config, Mode};

const PAGE_TOKENS: &str = "jwt_secret";
const ADMIN_KEY: &str = "admin_key";

/// A file that others may read is no secret.
const OTHERS: u32 = 0o077;

/// The data folder exists by now: the store made it.
pub(super) fn page_token_secret(config: &Config) -> io::Result<SecretString> {
    match &config.jwt_secret {
        Some(secret) => Ok(secret.clone()),
        None => kept(&config.data_dir, PAGE_TOKENS, ""),
    }
}

/// The key that makes the first keys. In production there is none unless it is given.
pub(super) fn admin_key(config: &Config) -> io::Result<Option<SecretString>> {
    match (&config.admin_key, config.mode) {
        (Some(key), _) => Ok(Some(key.clone())),
        (None, Mode::Production) => Ok(None),
        (None, Mode::Development | Mode::Sandbox) => kept(&config.data_dir, ADMIN_KEY, "sk_").map(Some),
    }
}

/// The secret of this name, made when there is none.
fn kept(folder: &Path, name: &str, prefix: &str) -> io::Result<SecretString> {
    let path = folder.join(name);
    match File::open(&path) {
        Ok(file) => read(file, name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(folder, name, prefix),
        Err(error) => Err(error),
    }
}

fn read(mut file: File, name: &str) -> io::Result<SecretString> {
    if file.metadata()?.permissions().mode() & OTHERS != 0 {
        return Err(io::Error::other(format!("others may read the file {name}: chmod 600 it, or delete it and a new one will be made")));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    let text = text.trim();
    if text.len() < MIN_SECRET_BYTES {
        return Err(io::Error::other(format!("the file {name} is cut short: delete it, a new one will be made")));
    }
    Ok(SecretString::from(text))
}

/// Written aside and renamed, so that a crash never leaves half a secret.
fn create(folder: &Path, name: &str, prefix: &str) -> io::Result<SecretString> {
    let text = format!("{prefix}{}", hex::encode(rand::random::<[u8; 32]>()));
    let draft = folder.join(format!("{name}.new"));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, folder.join(name))?;
    File::open(folder)?.sync_all()?;
    Ok(SecretString::from(text))
}

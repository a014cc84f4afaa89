//! The secret of page tokens: given, or (outside production) generated once and kept in the data folder.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use secrecy::SecretString;

use crate::auth::MIN_SECRET_BYTES;
use crate::config::Config;

const FILE: &str = "jwt_secret";

/// A file that others may read is no secret.
const OTHERS: u32 = 0o077;

/// The data folder exists by now: the store made it.
pub(super) fn page_token_secret(config: &Config) -> io::Result<SecretString> {
    if let Some(secret) = &config.jwt_secret {
        return Ok(secret.clone());
    }
    let path = config.data_dir.join(FILE);
    match File::open(&path) {
        Ok(file) => read(file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => create(&config.data_dir, &path),
        Err(error) => Err(error),
    }
}

fn read(mut file: File) -> io::Result<SecretString> {
    if file.metadata()?.permissions().mode() & OTHERS != 0 {
        return Err(io::Error::other("others may read the file jwt_secret: chmod 600 it, or delete it and let everyone log in anew"));
    }
    let mut text = String::new();
    file.read_to_string(&mut text)?;
    if text.len() < MIN_SECRET_BYTES {
        return Err(io::Error::other("the file jwt_secret is cut short: delete it, a new one will be made"));
    }
    Ok(SecretString::from(text))
}

/// Written aside and renamed, so that a crash never leaves half a secret.
fn create(folder: &Path, path: &Path) -> io::Result<SecretString> {
    let text = hex::encode(rand::random::<[u8; 32]>());
    let draft = folder.join("jwt_secret.new");
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    std::fs::rename(&draft, path)?;
    File::open(folder)?.sync_all()?;
    Ok(SecretString::from(text))
}

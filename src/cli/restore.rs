//! `frontdesk restore`: a data folder from a backup.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::data::{self, DataArgs, say};
use super::{EXIT_BAD_BACKUP, EXIT_CANT_CREATE, EXIT_STORE, fail};
use crate::app::{backups_in, chain};
use crate::config::DataSettings;
use crate::store::SealKey;
use crate::store::backup::{self, BackupError, Progress, RestoreError, Restored};

#[derive(Debug, Args)]
pub(super) struct RestoreArgs {
    /// The backup, or a folder of backups: then the newest that is whole.
    #[arg(value_name = "FILE|FOLDER")]
    from: PathBuf,
    /// The seal key that was in use when the backup was made [default: store.seal_key, or seal.key in the data folder].
    #[arg(long, value_name = "FILE")]
    seal_key_file: Option<PathBuf>,
    /// Only read the backup and say whether it is whole; nothing is restored.
    #[arg(long)]
    verify_only: bool,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &RestoreArgs) -> ExitCode {
    match try_run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}

fn try_run(args: &RestoreArgs) -> Result<(), ExitCode> {
    let settings = args.data.settings()?;
    let key = key_for(args, &settings)?;
    let files = candidates(&args.from).map_err(|words| fail(EXIT_BAD_BACKUP, &words))?;
    let runtime = data::runtime()?;
    if args.verify_only {
        return runtime.block_on(first_good(&files, "reading", &key, |file, key, _| {
            let report = backup::verify(file, key)?;
            say(&format!(
                "{} is whole: {} records of {}, made by version {}",
                file.display(),
                report.records,
                report.head.made_at.to_rfc3339(),
                report.head.program
            ));
            Ok(())
        }));
    }
    if goes_into_the_folder(args, &settings) {
        key.fits_in(&settings.data_dir).map_err(|error| fail(EXIT_STORE, &chain(&error)))?;
    }
    let folder = settings.data_dir.clone();
    let restored = runtime.block_on(first_good(&files, "restoring and verifying", &key, move |file, key, progress| {
        backup::restore(file, &folder, key, progress)
    }))?;
    keep_key(args, &settings, &key)?;
    tell(&settings.data_dir, &restored);
    Ok(())
}

fn tell(folder: &Path, restored: &Restored) {
    say(&format!(
        "{} is restored: {} records as of {}; {} salons are linked and come online without a new QR code",
        folder.display(),
        restored.records,
        restored.head.made_at.to_rfc3339(),
        restored.linked
    ));
    say("never run the original beside it: WhatsApp would end one link of each salon, and both would speak for it");
}

/// Tries the files in their order until one can be used. Only what is wrong with a file leads to the next.
async fn first_good<T: Send + 'static>(
    files: &[PathBuf],
    what: &str,
    key: &SealKey,
    work: impl Fn(&Path, &SealKey, &Progress) -> Result<T, RestoreError> + Clone + Send + 'static,
) -> Result<T, ExitCode> {
    let mut last = None;
    for file in files {
        let (work, path, key) = (work.clone(), file.clone(), key.clone());
        match data::told(what, Progress::default(), move |progress| work(&path, &key, &progress)).await {
            Ok(done) => return Ok(done),
            Err(RestoreError::Backup(error)) => {
                say(&format!("{}: {}", file.display(), chain(&error)));
                last = Some(error);
            }
            Err(error @ RestoreError::NotEmpty { .. }) => return Err(fail(EXIT_CANT_CREATE, &chain(&error))),
            Err(error) => return Err(fail(EXIT_STORE, &chain(&error))),
        }
    }
    let words = match last {
        Some(BackupError::OtherKey { .. }) => "nothing was restored: give the right key with --seal-key-file",
        Some(_) | None => "nothing was restored: no backup there can be used",
    };
    Err(fail(EXIT_BAD_BACKUP, words))
}

/// The file itself, or the backups of a folder, newest first.
fn candidates(from: &Path) -> Result<Vec<PathBuf>, String> {
    if !from.is_dir() {
        return Ok(vec![from.to_path_buf()]);
    }
    let mut files: Vec<PathBuf> = backups_in(from);
    files.reverse();
    if files.is_empty() { Err(format!("there are no backups in {}", from.display())) } else { Ok(files) }
}

/// No key is made here: a new one would open nothing.
fn key_for(args: &RestoreArgs, settings: &DataSettings) -> Result<SealKey, ExitCode> {
    let of_file = |file: &Path| SealKey::in_file(file).map_err(|error| fail(EXIT_STORE, &chain(&error)));
    if let Some(file) = &args.seal_key_file {
        return of_file(file);
    }
    if let Some(key) = data::configured_key(settings) {
        return Ok(key);
    }
    let beside = settings.data_dir.join("seal.key");
    if beside.exists() {
        return of_file(&beside);
    }
    Err(fail(EXIT_STORE, "the seal key is needed: --seal-key-file, FRONTDESK_STORE_SEAL_KEY, or seal.key in the data folder"))
}

/// A key from another place than the configuration must be in the folder for the next start.
fn goes_into_the_folder(args: &RestoreArgs, settings: &DataSettings) -> bool {
    settings.seal_key.is_none() && args.seal_key_file.is_some()
}

fn keep_key(args: &RestoreArgs, settings: &DataSettings, key: &SealKey) -> Result<(), ExitCode> {
    if goes_into_the_folder(args, settings) {
        return key.keep_in(&settings.data_dir).map_err(|error| fail(EXIT_STORE, &chain(&error)));
    }
    if data::configured_key(settings).is_some_and(|configured| configured.fingerprint() != key.fingerprint()) {
        say("the configuration has another key: put this one into FRONTDESK_STORE_SEAL_KEY (store.seal_key) before the server starts");
    }
    Ok(())
}

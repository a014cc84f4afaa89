//! What the commands on a data folder share: settings, the seal key, words on long work.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use secrecy::ExposeSecret as _;

use super::{EXIT_CONFIG, EXIT_INTERNAL, EXIT_STORE, fail};
use crate::app::chain;
use crate::config::{Config, DataSettings};
use crate::store::SealKey;
use crate::store::backup::Progress;

/// How often long work says how far it is.
const SAY_EVERY: Duration = Duration::from_secs(1);

/// Which data folder.
#[derive(Debug, Args)]
pub(super) struct DataArgs {
    /// Configuration file (TOML). Only what concerns the data folder is read.
    #[arg(long, env = "FRONTDESK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder [default: data, env: FRONTDESK_DATA_DIR].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
}

impl DataArgs {
    /// The settings, or how the command ends.
    pub(super) fn settings(&self) -> Result<DataSettings, ExitCode> {
        let mut environment = super::environment();
        super::overlay(&mut environment, "FRONTDESK_STORE_DATA_DIR", self.data_dir.as_ref());
        let file = super::read_file(self.config.as_deref()).map_err(|words| fail(EXIT_CONFIG, &words))?;
        Config::data(file.as_ref().map(|(name, text)| (name.as_str(), text.as_str())), &environment)
            .map_err(|error| fail(EXIT_CONFIG, &error.to_string()))
    }
}

/// The key of the database in this folder.
pub(super) fn seal_key(settings: &DataSettings) -> Result<SealKey, ExitCode> {
    match configured_key(settings) {
        Some(key) => Ok(key),
        None => SealKey::in_folder(&settings.data_dir).map_err(|error| fail(EXIT_STORE, &chain(&error))),
    }
}

/// The key that the configuration gives, if it does.
pub(super) fn configured_key(settings: &DataSettings) -> Option<SealKey> {
    let text = settings.seal_key.as_ref()?;
    Some(SealKey::parse(text.expose_secret()).expect("the configuration checked its form"))
}

/// Is there a database? A command that reads must not make one.
pub(super) fn has_database(data: &Path) -> bool {
    data.join("store").is_dir()
}

/// A runtime for one command.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, ExitCode> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| fail(EXIT_INTERNAL, &format!("the runtime could not be started: {error}")))
}

/// Does blocking `work` on a thread of its own, and says on stderr how far it is.
pub(super) async fn told<T: Send + 'static>(what: &str, progress: Progress, work: impl FnOnce(Progress) -> T + Send + 'static) -> T {
    let shown = progress.clone();
    let work = tokio::task::spawn_blocking(move || work(progress));
    telling(what, shown, async { work.await.expect("the work ends by itself and catches its own panics") }).await
}

/// Says on stderr how far `work` is, once a second.
pub(super) async fn telling<T>(what: &str, progress: Progress, work: impl Future<Output = T>) -> T {
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + SAY_EVERY, SAY_EVERY);
    loop {
        tokio::select! {
            done = &mut work => return done,
            _ = ticks.tick() => say(&format!("{what}: {} records", progress.records())),
        }
    }
}

/// A word for the person, not for the pipe.
#[expect(clippy::print_stderr, reason = "progress and results go where they disturb no pipe")]
pub(super) fn say(words: &str) {
    let stamp = if std::io::stderr().is_terminal() { "" } else { "frontdesk: " };
    eprintln!("{stamp}{words}");
}

//! `frontdesk keys`: the seal key, and operators' keys.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::data::{self, DataArgs, say};
use super::operators::KeyCommand;
use super::{EXIT_STORE, fail};
use crate::app::chain;
use crate::store::backup::Progress;
use crate::store::{SealKey, rotate};

#[derive(Debug, Args)]
pub(super) struct KeysArgs {
    #[command(subcommand)]
    command: KeysCommand,
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// Seal everything with a new key. The server must be stopped; it takes seconds per 10,000 salons.
    ///
    /// Can be interrupted at any moment: the database opens with the old key or with the new one, and the same command ends the work. The old key
    /// stays in the folder under its fingerprint, because earlier backups need it.
    ///
    /// Example: systemctl stop frontdesk && frontdesk keys rotate-seal --data-dir /var/lib/frontdesk && systemctl start frontdesk
    RotateSeal(RotateArgs),
    /// Print the fingerprint of the seal key, which backups name in the clear.
    Fingerprint(DataArgs),
    #[command(flatten)]
    Operators(KeyCommand),
}

#[derive(Debug, Args)]
struct RotateArgs {
    /// The new key, 64 hexadecimal digits, in a file that only its owner can read. Needed when the present one comes from the configuration;
    /// otherwise a key is made.
    #[arg(long, value_name = "FILE")]
    new_key_file: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

pub(super) fn run(args: &KeysArgs) -> ExitCode {
    let done = match &args.command {
        KeysCommand::RotateSeal(args) => rotate_seal(args),
        KeysCommand::Fingerprint(args) => fingerprint(args),
        KeysCommand::Operators(command) => return super::operators::keys(command),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(code) => code,
    }
}

fn rotate_seal(args: &RotateArgs) -> Result<(), ExitCode> {
    let settings = args.data.settings()?;
    if !data::has_database(&settings.data_dir) && !settings.data_dir.join("store.old").exists() {
        return Err(fail(EXIT_STORE, &format!("there is no database in {}", settings.data_dir.display())));
    }
    let of_file = |file: &PathBuf| SealKey::in_file(file).map_err(|error| fail(EXIT_STORE, &chain(&error)));
    let new = args.new_key_file.as_ref().map(of_file).transpose()?;
    let configured = data::configured_key(&settings);
    if configured.is_some() && new.is_none() {
        return Err(fail(EXIT_STORE, "the present key comes from the configuration: give the new one with --new-key-file"));
    }
    let present = data::seal_key(&settings)?;
    let folder = settings.data_dir.clone();
    let runtime = data::runtime()?;
    // A key that is kept in the folder takes the way through the folder, so that a crash finds it there.
    let sealed = runtime.block_on(data::told("sealing anew", Progress::default(), move |progress| match (new, configured) {
        (Some(new), None) => new.bring_in(&folder).map_err(Into::into).and_then(|()| rotate(&folder, &present, None, &progress)),
        (new, _) => rotate(&folder, &present, new, &progress),
    }));
    let print = sealed.map_err(|error| fail(EXIT_STORE, &chain(&error)))?;
    say(&format!("everything is sealed with key {print} now; keep a copy of it elsewhere, and the old one for as long as its backups"));
    if settings.seal_key.is_some() {
        say("put the new key into FRONTDESK_STORE_SEAL_KEY (store.seal_key) before the server starts");
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "this command's result is its output")]
fn fingerprint(args: &DataArgs) -> Result<(), ExitCode> {
    let settings = args.settings()?;
    if settings.seal_key.is_none() && !settings.data_dir.join("seal.key").exists() {
        return Err(fail(EXIT_STORE, &format!("there is no seal key in {}", settings.data_dir.display())));
    }
    println!("{}", data::seal_key(&settings)?.fingerprint());
    Ok(())
}

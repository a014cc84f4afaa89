//! `frontdesk backup`: of a running server through its door, of a stopped one from its folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use chrono::Utc;
use clap::Args;
use reqwest::Response;
use sha2::{Digest as _, Sha256};

use super::data::{self, DataArgs, say};
use super::{EXIT_CANT_CREATE, EXIT_INTERNAL, EXIT_STORE, EXIT_UNREACHABLE, fail};
use crate::app::chain;
use crate::app::control::Door;
use crate::config::DataSettings;
use crate::http::{RECORDS_HEADER, SHA256_HEADER};
use crate::store::backup::{BackupError, Progress};
use crate::store::{OpenError, Store, StoreOptions};

/// A server on this machine answers a connection at once or not at all.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// Where a backup for a pipe waits, in the data folder.
const SPOOL: &str = "backup.offline";

#[derive(Debug, Args)]
pub(super) struct BackupArgs {
    /// The file to make, or - for standard output [default: frontdesk-TIME.backup in the current folder].
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    #[command(flatten)]
    data: DataArgs,
}

/// How it failed: exit code and words.
type Failure = (u8, String);

/// Where the backup goes.
enum Target {
    Pipe,
    File(PathBuf),
}

pub(super) fn run(args: &BackupArgs) -> ExitCode {
    let prepared = args.data.settings().and_then(|settings| Ok((settings, data::runtime()?)));
    let (settings, runtime) = match prepared {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    let target = match &args.file {
        Some(file) if file == Path::new("-") => Target::Pipe,
        Some(file) => Target::File(file.clone()),
        None => Target::File(format!("frontdesk-{}.backup", Utc::now().format("%Y%m%dT%H%M%SZ")).into()),
    };
    match runtime.block_on(back_up(&settings, &target)) {
        Ok(records) => {
            let place = match &target {
                Target::Pipe => "standard output".to_owned(),
                Target::File(file) => file.display().to_string(),
            };
            say(&format!("{records} records are in {place}, sealed and verified; keep the seal key elsewhere, or it is worth nothing"));
            ExitCode::SUCCESS
        }
        Err((code, words)) => fail(code, &words),
    }
}

async fn back_up(settings: &DataSettings, target: &Target) -> Result<u64, Failure> {
    if let Target::File(file) = target
        && file.exists()
    {
        return Err((EXIT_CANT_CREATE, format!("{} exists; choose another name", file.display())));
    }
    if let Some(answer) = ask(settings).await? {
        return receive(answer, target).await;
    }
    offline(settings, target).await
}

/// Asks the running server; `None`: there is none.
async fn ask(settings: &DataSettings) -> Result<Option<Response>, Failure> {
    let Some(door) = Door::of(&settings.data_dir) else { return Ok(None) };
    let client = reqwest::Client::builder().no_proxy().connect_timeout(CONNECT_WITHIN).build();
    let client = client.map_err(|error| (EXIT_INTERNAL, chain(&error)))?;
    let request = client.post(format!("http://{}/control/backup", door.address)).bearer_auth(&door.token);
    let answer = match data::telling("the server is copying and verifying", Progress::default(), request.send()).await {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => return Ok(None), // the file is left from a crash
        Err(error) => return Err((EXIT_UNREACHABLE, format!("the server (process {}) does not answer: {}", door.pid, chain(&error)))),
    };
    match answer.status().as_u16() {
        200 => Ok(Some(answer)),
        401 | 404 => Ok(None), // another program has the port now
        status => {
            let words = answer.text().await.unwrap_or_default();
            Err((EXIT_UNREACHABLE, format!("the server answers {status}: {}", words.trim())))
        }
    }
}

/// Takes the server's backup, and checks that it arrived as it was sent.
async fn receive(mut answer: Response, target: &Target) -> Result<u64, Failure> {
    let header = |name: &str| answer.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (records, sha256) = (header(RECORDS_HEADER).and_then(|text| text.parse().ok()), header(SHA256_HEADER));
    let (Some(records), Some(sha256)) = (records, sha256) else {
        return Err((EXIT_UNREACHABLE, "the server's answer is not a backup; is it of the same version?".to_owned()));
    };
    let cut = |error: reqwest::Error| (EXIT_UNREACHABLE, format!("the connection to the server broke: {}", chain(&error)));
    let mut to = Destination::open(target)?;
    let mut hash = Sha256::new();
    while let Some(piece) = answer.chunk().await.map_err(cut)? {
        hash.update(&piece);
        to.write(&piece)?;
    }
    if hex::encode(hash.finalize()) != sha256 {
        return Err((EXIT_UNREACHABLE, "what arrived is not what was sent; try again".to_owned()));
    }
    to.finish()?;
    Ok(records)
}

async fn offline(settings: &DataSettings, target: &Target) -> Result<u64, Failure> {
    if !data::has_database(&settings.data_dir) {
        return Err((EXIT_STORE, format!("there is no database in {}", settings.data_dir.display())));
    }
    let key = data::seal_key(settings).map_err(|_| (EXIT_STORE, "no backup was made".to_owned()))?;
    let mut options = StoreOptions::new(&settings.data_dir, key);
    options.cache_bytes = settings.cache_bytes;
    let store = tokio::task::spawn_blocking(|| Store::open(options)).await.expect("opening catches its own panics");
    let store = store.map_err(|error| match error {
        OpenError::AlreadyOpen { .. } => {
            (EXIT_STORE, "a server runs on this folder but can't be asked; is control.json readable, or is it just starting?".to_owned())
        }
        error => (EXIT_STORE, chain(&error)),
    })?;
    let spool = settings.data_dir.join(SPOOL);
    let file = match target {
        Target::File(file) => file.clone(),
        Target::Pipe => {
            let _ = fs::remove_file(&spool); // left from a crash, or not there
            spool
        }
    };
    let progress = Progress::default();
    let made = data::telling("copying and verifying", progress.clone(), store.back_up(file.clone(), progress)).await;
    store.close().await;
    let report = made.map_err(|error| (code_of(&error), chain(&error)))?;
    if let Target::Pipe = target {
        let sent = File::open(&file).and_then(|mut from| io::copy(&mut from, &mut io::stdout().lock()));
        let _ = fs::remove_file(&file);
        sent.map_err(|error| (EXIT_CANT_CREATE, format!("standard output: {error}")))?;
    }
    Ok(report.records)
}

fn code_of(error: &BackupError) -> u8 {
    match error {
        BackupError::Io { .. } | BackupError::TooSlow { .. } => EXIT_CANT_CREATE,
        _ => EXIT_STORE,
    }
}

/// A file that gets its name when it is complete, or standard output.
enum Destination {
    Pipe(io::Stdout),
    File(Half),
}

/// A file that is not complete. Whatever happens to the transfer, nothing of it stays behind.
struct Half {
    file: File,
    part: PathBuf,
    name: PathBuf,
}

impl Half {
    fn finish(self) -> io::Result<()> {
        let folder = self.name.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        self.file.sync_all()?;
        fs::rename(&self.part, &self.name)?;
        File::open(folder)?.sync_all()
    }
}

impl Drop for Half {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.part); // it has its name by now, if all went well
    }
}

impl Destination {
    fn open(target: &Target) -> Result<Self, Failure> {
        let Target::File(name) = target else { return Ok(Self::Pipe(io::stdout())) };
        let mut part = name.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part);
        let file = file.map_err(|error| (EXIT_CANT_CREATE, format!("{}: {error}", part.display())))?;
        Ok(Self::File(Half { file, part, name: name.clone() }))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let written = match self {
            Self::Pipe(pipe) => pipe.write_all(bytes),
            Self::File(half) => half.file.write_all(bytes),
        };
        written.map_err(|error| (EXIT_CANT_CREATE, format!("the backup can't be written: {error}")))
    }

    fn finish(self) -> Result<(), Failure> {
        let finished = match self {
            Self::Pipe(mut pipe) => pipe.flush(),
            Self::File(half) => half.finish(),
        };
        finished.map_err(|error| (EXIT_CANT_CREATE, format!("the backup can't be written: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// A server whose machine falls in the middle of its answer.
    fn falling_server() -> Door {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut caller, _) = listener.accept().unwrap();
            let _ = caller.read(&mut [0; 4096]);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n{RECORDS_HEADER}: 1\r\n{SHA256_HEADER}: 00\r\n\r\n");
            caller.write_all(head.as_bytes()).unwrap();
            caller.write_all(b"half of it").unwrap();
        });
        Door { address, token: "t".to_owned(), pid: 1 }
    }

    #[tokio::test]
    async fn a_transfer_that_breaks_leaves_nothing_behind() {
        crate::app::install_crypto_provider();
        let folder = tempfile::tempdir().unwrap();
        let door = serde_json::to_string(&falling_server()).unwrap();
        fs::write(folder.path().join("control.json"), door).unwrap();
        let settings = DataSettings { data_dir: folder.path().to_path_buf(), cache_bytes: 1, seal_key: None };
        let outcome = back_up(&settings, &Target::File(folder.path().join("a.backup"))).await;
        let Err((EXIT_UNREACHABLE, words)) = outcome else { panic!("{outcome:?}") };
        assert!(words.contains("broke"), "{words}");
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["control.json"]);
    }
}

//! Command line: arguments → configuration → logs → app → run until a signal → drain. Exit codes are part of the contract:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | done; `serve`: stopped in good order; `check`: nothing to say |
//! | 1, 2 | `check` only: warnings; problems |
//! | 64 | the arguments or the configuration are wrong; every problem was printed |
//! | 65 | the backup can't be used: damaged, of another key, or none |
//! | 69 | an address could not be bound, or the running server does not answer |
//! | 70 | something inside failed; the log says what |
//! | 73 | the backup file or the folder to restore into can't be made, or exists |
//! | 74 | the data folder could not be opened; the text says what to do |

mod backup;
mod check;
mod data;
mod keys;
mod operators;
mod restore;
mod version;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app::{self, StartError};
use crate::config::{self, Config};

const EXIT_CONFIG: u8 = 64;
const EXIT_BAD_BACKUP: u8 = 65;
const EXIT_BIND: u8 = 69;
const EXIT_UNREACHABLE: u8 = 69;
const EXIT_INTERNAL: u8 = 70;
const EXIT_CANT_CREATE: u8 = 73;
const EXIT_STORE: u8 = 74;

/// Blocking threads run short disk and key work; the default of 512 only costs memory on a small box.
const MAX_BLOCKING_THREADS: usize = 32;

const EXIT_CODES: &str = "Exit codes: 0 done, 64 arguments or configuration, 65 unusable backup, 69 address taken or server unreachable, \
70 internal, 73 output can't be made or exists, 74 data folder; `check`: 1 warnings, 2 problems.";

#[derive(Debug, Parser)]
#[command(name = "frontdesk", version, about = "Gives every salon its own supervised WhatsApp session", max_term_width = 100)]
#[command(after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    ///
    /// Example: JWT_SECRET=… YCLIENTS_PARTNER_TOKEN=… YCLIENTS_APP_ID=123 BASE_URL=https://salons.example.org frontdesk serve
    Serve(ServeArgs),
    /// Run simulated WhatsApp, phones and YClients on this machine, and the server against them.
    ///
    /// Example: frontdesk sandbox, then open http://127.0.0.1:7720/
    #[cfg(feature = "sandbox")]
    Sandbox(SandboxArgs),
    /// Look for what would go wrong: settings, data folder, keys, disk, ports, limits, YClients, WhatsApp, the proxy in front.
    ///
    /// Changes nothing. Ends with 0 when all is well, 1 with warnings, 2 with problems, as monitoring plug-ins do.
    ///
    /// Example: frontdesk check --config /etc/frontdesk/frontdesk.toml --public-url https://salons.example.org
    Check(check::CheckArgs),
    /// Copy everything to a sealed and verified file, while the server runs or when it is stopped.
    ///
    /// The copy is of one moment; the server goes on. Run it as the server's user. A pipe gets the file only after it was verified.
    ///
    /// Examples: frontdesk backup --data-dir /var/lib/frontdesk salons.backup;
    /// frontdesk backup - | ssh elsewhere 'cat > salons.backup'
    Backup(backup::BackupArgs),
    /// Make a data folder from a backup. The folder must be empty, but for its seal.key; it appears whole or not at all.
    ///
    /// The salons come online again without a new QR code. Never run the original beside it.
    ///
    /// Example: frontdesk restore salons.backup --data-dir /var/lib/frontdesk --seal-key-file seal.key
    Restore(restore::RestoreArgs),
    /// The seal key (give everything a new one, tell which it is) and the keys of operators (list, create, revoke).
    Keys(keys::KeysArgs),
    /// List the salons of a running server, searched and narrowed down.
    ///
    /// Example: ADMIN_API_KEY=… frontdesk companies ромашка --state Online
    Companies(operators::CompaniesArgs),
    /// Print every setting with its meaning and default.
    Config,
    /// Print the description of the HTTP API (OpenAPI 3.1, JSON), as it is served at /docs/openapi.json.
    Openapi,
    /// Print the version, what this build can do, and the layout of the database it writes.
    Version(version::VersionArgs),
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Configuration file (TOML). Without it: defaults and environment.
    #[arg(long, env = "FRONTDESK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(flatten)]
    server: ServerFlags,
}

/// What a flag may say about the server; it wins over the environment and the file.
#[derive(Debug, Args)]
struct ServerFlags {
    /// Port for browsers, YClients and integrators [default: 3000, env: PORT].
    #[arg(long)]
    port: Option<u16>,
    /// Address for /metrics, /livez and /readyz [default: 127.0.0.1:9464, env: FRONTDESK_SERVER_OPS_LISTEN].
    #[arg(long, value_name = "ADDRESS")]
    ops_listen: Option<SocketAddr>,
    /// Everything the server keeps is here [default: data, env: FRONTDESK_DATA_DIR].
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
}

impl ServerFlags {
    fn overlay(&self, environment: &mut BTreeMap<String, String>) {
        overlay(environment, "FRONTDESK_SERVER_PORT", self.port.as_ref());
        overlay(environment, "FRONTDESK_SERVER_OPS_LISTEN", self.ops_listen.as_ref());
        overlay(environment, "FRONTDESK_STORE_DATA_DIR", self.data_dir.as_ref());
    }
}

/// A flag is said as its setting's own name in the environment, which wins over the names of the field.
fn overlay(environment: &mut BTreeMap<String, String>, name: &str, flag: Option<&impl ToString>) {
    if let Some(value) = flag {
        environment.insert(name.to_owned(), value.to_string());
    }
}

#[cfg(feature = "sandbox")]
#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Only the simulated services; start the server yourself with `frontdesk serve --config config/sandbox.toml`.
    #[arg(long)]
    pub services_only: bool,
    /// Start without the two demonstration salons and phones.
    #[arg(long)]
    pub empty: bool,
    /// Configuration file (TOML), read over the built-in config/sandbox.toml; its section [sandbox] is for the services.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Port of the simulated WhatsApp [default: 7700, env: FRONTDESK_SANDBOX_WHATSAPP_PORT].
    #[arg(long, value_name = "PORT")]
    whatsapp_port: Option<u16>,
    /// Port of the simulated YClients [default: 7710, env: FRONTDESK_SANDBOX_YCLIENTS_PORT].
    #[arg(long, value_name = "PORT")]
    yclients_port: Option<u16>,
    /// Port of the control API and page [default: 7720, env: FRONTDESK_SANDBOX_CONTROL_PORT].
    #[arg(long, value_name = "PORT")]
    control_port: Option<u16>,
    /// Where redirects and webhooks go [default: http://127.0.0.1 with the server's port, env: FRONTDESK_SANDBOX_SERVER_URL].
    #[arg(long, value_name = "URL")]
    server_url: Option<String>,
    /// File in which phones and salons outlive a restart [default: sandbox/world.json in the data folder; with --services-only: none,
    /// env: FRONTDESK_SANDBOX_WORLD_FILE].
    #[arg(long, value_name = "FILE")]
    world_file: Option<String>,
    #[command(flatten)]
    server: ServerFlags,
}

#[cfg(feature = "sandbox")]
impl SandboxArgs {
    fn overlay(&self, environment: &mut BTreeMap<String, String>) {
        overlay(environment, "FRONTDESK_SANDBOX_WHATSAPP_PORT", self.whatsapp_port.as_ref());
        overlay(environment, "FRONTDESK_SANDBOX_YCLIENTS_PORT", self.yclients_port.as_ref());
        overlay(environment, "FRONTDESK_SANDBOX_CONTROL_PORT", self.control_port.as_ref());
        overlay(environment, "FRONTDESK_SANDBOX_SERVER_URL", self.server_url.as_ref());
        overlay(environment, "FRONTDESK_SANDBOX_WORLD_FILE", self.world_file.as_ref());
        self.server.overlay(environment);
    }
}

/// Runs the program and says how it ended.
pub fn run() -> ExitCode {
    app::install_crypto_provider();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(words) => return usage(&words),
    };
    match cli.command {
        Command::Serve(args) => serve(&args),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox(&args),
        Command::Check(args) => check::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Keys(args) => keys::run(&args),
        Command::Companies(args) => operators::companies(&args),
        Command::Config => print_out(config::DEFAULTS),
        Command::Openapi => print_out(&crate::http::openapi()),
        Command::Version(args) => version::run(&args),
    }
}

/// Help is an answer; anything else is a wrong argument.
fn usage(words: &clap::Error) -> ExitCode {
    let _ = words.print(); // nobody is left to tell
    if words.use_stderr() { ExitCode::from(EXIT_CONFIG) } else { ExitCode::SUCCESS }
}

#[expect(clippy::print_stdout, reason = "such a command's result is its output")]
fn print_out(text: &str) -> ExitCode {
    print!("{text}");
    ExitCode::SUCCESS
}

fn serve(args: &ServeArgs) -> ExitCode {
    let mut environment = environment();
    args.server.overlay(&mut environment);
    match load(&[], args.config.as_deref(), &environment) {
        Ok(config) => run_app(config),
        Err(words) => fail(EXIT_CONFIG, &words),
    }
}

/// The configuration from what is built in, a file and the environment, or what is wrong with it.
fn load(built_in: &[(&str, &str)], file: Option<&Path>, environment: &BTreeMap<String, String>) -> Result<Config, String> {
    let mut files = built_in.to_vec();
    let file = read_file(file)?;
    files.extend(file.as_ref().map(|(name, text)| (name.as_str(), text.as_str())));
    Config::load(files, environment).map_err(|error| error.to_string())
}

/// A configuration file, as its name and text.
fn read_file(file: Option<&Path>) -> Result<Option<(String, String)>, String> {
    let Some(path) = file else { return Ok(None) };
    let name = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some((name, text))),
        Err(error) => Err(format!("the configuration file {name} can't be read: {error}")),
    }
}

fn run_app(config: Config) -> ExitCode {
    let (runtime, instruments) = match prepare(&config) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    outcome(runtime.block_on(app::serve(config, instruments)))
}

/// Logs, recorder and runtime, in this order: nothing may be logged or counted before.
fn prepare(config: &Config) -> Result<(tokio::runtime::Runtime, app::Instruments), ExitCode> {
    let (levels, traces) = crate::telemetry::install(&config.log_level, config.log_format, config.traces.as_ref())
        .map_err(|error| fail(EXIT_INTERNAL, &error.to_string()))?;
    let recorder = crate::metrics::install().map_err(|error| fail(EXIT_INTERNAL, &error.to_string()))?;
    raise_open_files();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_name("frontdesk")
        .build()
        .map_err(|error| fail(EXIT_INTERNAL, &format!("the runtime could not be started: {error}")))?;
    Ok((runtime, app::Instruments { recorder, levels, traces }))
}

/// Every link, socket and file is a descriptor, and the usual soft limit of 1,024 is for shells: takes what the hard limit allows.
fn raise_open_files() {
    if let Err(error) = rlimit::increase_nofile_limit(u64::MAX) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

fn outcome(result: Result<(), StartError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = match &error {
                StartError::Bind { .. } => EXIT_BIND,
                StartError::Store(_)
                | StartError::SealKey(_)
                | StartError::Secret(_)
                | StartError::Operators(_)
                | StartError::Control(_) => EXIT_STORE,
                StartError::Settings(_) => EXIT_CONFIG,
                StartError::Fleet(_) | StartError::FleetEnded | StartError::Serve(_) => EXIT_INTERNAL,
                #[cfg(feature = "sandbox")]
                StartError::Sandbox(_) => EXIT_BIND,
            };
            fail(code, &app::chain(&error))
        }
    }
}

#[cfg(feature = "sandbox")]
fn sandbox(args: &SandboxArgs) -> ExitCode {
    let file = include_str!("../config/sandbox.toml");
    let mut environment = environment();
    args.overlay(&mut environment);
    let config = match load(&[("config/sandbox.toml", file)], args.config.as_deref(), &environment) {
        Ok(config) => config,
        Err(words) => return fail(EXIT_CONFIG, &words),
    };
    let (runtime, instruments) = match prepare(&config) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    outcome(runtime.block_on(app::run_sandbox(args, config, instruments)))
}

#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment; from here on it is an argument")]
fn environment() -> BTreeMap<String, String> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?))).collect()
}

/// Says it where a person looks, even when logs go elsewhere.
#[expect(clippy::print_stderr, reason = "the last words of a failed start")]
fn fail(code: u8, words: &str) -> ExitCode {
    eprintln!("frontdesk: {words}");
    ExitCode::from(code)
}

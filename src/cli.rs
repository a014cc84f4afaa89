//! Command line: arguments → configuration → logs → app → run until a signal → drain. Exit codes are part of the contract:
//!
//! | code | meaning |
//! |---|---|
//! | 0 | stopped in good order |
//! | 64 | the configuration is wrong; every problem was printed |
//! | 69 | an address could not be bound |
//! | 70 | something inside failed; the log says what |
//! | 74 | the data folder could not be opened; the text says what to do |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::app::{self, StartError};
use crate::config::{self, Config};

const EXIT_CONFIG: u8 = 64;
const EXIT_BIND: u8 = 69;
const EXIT_INTERNAL: u8 = 70;
const EXIT_STORE: u8 = 74;

/// Blocking threads run short disk and key work; the default of 512 only costs memory on a small box.
const MAX_BLOCKING_THREADS: usize = 32;

#[derive(Debug, Parser)]
#[command(name = "frontdesk", version, about = "Gives every salon its own supervised WhatsApp session", max_term_width = 100)]
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
    /// Print every setting with its meaning and default.
    Config,
}

#[derive(Debug, Args)]
struct ServeArgs {
    /// Configuration file (TOML). Without it: defaults and environment.
    #[arg(long, env = "FRONTDESK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

#[cfg(feature = "sandbox")]
#[derive(Debug, Args)]
pub(crate) struct SandboxArgs {
    /// Only the simulated services; start the server yourself with `frontdesk serve --config config/sandbox.toml`.
    #[arg(long)]
    pub services_only: bool,
    /// Port of the simulated WhatsApp.
    #[arg(long, env = "FRONTDESK_SANDBOX_WHATSAPP_PORT", default_value_t = 7700)]
    pub whatsapp_port: u16,
    /// Port of the simulated YClients.
    #[arg(long, env = "FRONTDESK_SANDBOX_YCLIENTS_PORT", default_value_t = 7710)]
    pub yclients_port: u16,
    /// Port of the control API and page.
    #[arg(long, env = "FRONTDESK_SANDBOX_CONTROL_PORT", default_value_t = 7720)]
    pub control_port: u16,
    /// Where the server is reached; redirects and webhooks go there.
    #[arg(long, env = "FRONTDESK_SANDBOX_SERVER_URL", default_value = "http://127.0.0.1:3000")]
    pub server_url: String,
    /// Start without the two demonstration salons and phones.
    #[arg(long)]
    pub empty: bool,
}

/// Runs the program and says how it ended.
pub fn run() -> ExitCode {
    app::install_crypto_provider();
    let cli = Cli::parse();
    match cli.command {
        Command::Serve(args) => serve(args.config.as_deref()),
        #[cfg(feature = "sandbox")]
        Command::Sandbox(args) => sandbox(&args),
        Command::Config => print_defaults(),
    }
}

#[expect(clippy::print_stdout, reason = "this command's result is its output")]
fn print_defaults() -> ExitCode {
    print!("{}", config::DEFAULTS);
    ExitCode::SUCCESS
}

fn serve(file: Option<&Path>) -> ExitCode {
    let text = match file.map(std::fs::read_to_string).transpose() {
        Ok(text) => text,
        Err(error) => return fail(EXIT_CONFIG, &format!("the configuration file can't be read: {error}")),
    };
    let name = file.map(|path| path.display().to_string());
    let overlay = name.as_deref().zip(text.as_deref());
    match Config::load(overlay, &environment()) {
        Ok(config) => run_app(config),
        Err(error) => fail(EXIT_CONFIG, &error.to_string()),
    }
}

fn run_app(config: Config) -> ExitCode {
    let (runtime, recorder) = match prepare(&config) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    outcome(runtime.block_on(app::serve(config, recorder)))
}

/// Logs, recorder and runtime, in this order: nothing may be logged or counted before.
fn prepare(config: &Config) -> Result<(tokio::runtime::Runtime, metrics_exporter_prometheus::PrometheusHandle), ExitCode> {
    crate::telemetry::install(&config.log_level, config.log_format).map_err(|error| fail(EXIT_INTERNAL, &error.to_string()))?;
    let recorder = crate::metrics::install().map_err(|error| fail(EXIT_INTERNAL, &error.to_string()))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(MAX_BLOCKING_THREADS)
        .thread_name("frontdesk")
        .build()
        .map_err(|error| fail(EXIT_INTERNAL, &format!("the runtime could not be started: {error}")))?;
    Ok((runtime, recorder))
}

fn outcome(result: Result<(), StartError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = match &error {
                StartError::Bind { .. } => EXIT_BIND,
                StartError::Store(_) | StartError::SealKey(_) | StartError::Secret(_) => EXIT_STORE,
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
    let config = match Config::load(Some(("config/sandbox.toml", file)), &app::sandbox_environment(args, environment())) {
        Ok(config) => config,
        Err(error) => return fail(EXIT_CONFIG, &error.to_string()),
    };
    let (runtime, recorder) = match prepare(&config) {
        Ok(prepared) => prepared,
        Err(code) => return code,
    };
    outcome(runtime.block_on(app::run_sandbox(args, config, recorder)))
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

//! What to measure, and how much of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Measures the server and prints a table.
#[derive(Debug, Parser)]
pub struct Options {
    /// Few salons and one run: shows that everything here still works. The figures mean nothing.
    #[arg(long)]
    pub quick: bool,
    /// Only this figure; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<Figure>,
    /// Where the results go; <target>/bench/results.json when not given.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The server as it is shipped, whose size is told. tests/setup/bench.sh builds it.
    #[arg(long, value_name = "FILE")]
    pub shipped: Option<PathBuf>,
    /// Cargo says this to every benchmark.
    #[arg(long, hide = true, global = true)]
    bench: bool,
    #[command(subcommand)]
    pub role: Option<Role>,
}

impl Options {
    /// What to measure, in order.
    pub fn figures(&self) -> Vec<Figure> {
        if self.only.is_empty() { Figure::value_variants().to_vec() } else { self.only.clone() }
    }
}

/// What this process is when it does not measure.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// The protocol client alone: the yardstick, started by the benchmark itself.
    #[command(hide = true)]
    Bare(Bare),
}

/// What the bare client shall do, and against which service.
#[derive(Debug, Args)]
pub struct Bare {
    pub task: Task,
    /// Address of the simulated WhatsApp, `127.0.0.1:7700`.
    #[arg(long)]
    pub whatsapp: std::net::SocketAddr,
    /// Base of the control API.
    #[arg(long)]
    pub control: String,
    #[arg(long)]
    pub few: usize,
    #[arg(long)]
    pub many: usize,
    #[arg(long)]
    pub runs: usize,
    /// How long memory must not move, in milliseconds.
    #[arg(long)]
    pub still_ms: u64,
}

/// Tasks of the bare client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Task {
    /// Time to the first QR code, one client after the other.
    FirstQr,
    /// Time until all linked clients are online again.
    Restore,
    /// Memory of linked clients.
    LinkedMemory,
    /// Memory of clients that show a QR code.
    PendingMemory,
}

/// The figures, by the names `--only` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Figure {
    /// From socket connect to the first `qr-update`.
    FirstQr,
    /// From kill -9 to all sessions online.
    Restart,
    /// Per connected session and per pending onboarding.
    Memory,
    /// With many companies stored.
    Startup,
    /// Of the store.
    Commits,
    /// Of the shipped binary.
    Size,
}

impl Figure {
    /// For the progress on the terminal.
    pub fn words(self) -> &'static str {
        match self {
            Self::FirstQr => "time to the first QR code",
            Self::Restart => "kill -9 until all sessions are online",
            Self::Memory => "memory per session and per pending onboarding",
            Self::Startup => "start-up with many companies stored",
            Self::Commits => "durable commits of the store",
            Self::Size => "size of the shipped binary",
        }
    }
}

/// How much of everything.
#[derive(Debug, Clone)]
pub struct Plan {
    pub runs: usize,
    /// Salons of the time to the first QR code, per run.
    pub visits: usize,
    /// Sessions for slopes: few and many.
    pub few: usize,
    pub many: usize,
    /// Companies of the start-up.
    pub stored: u64,
    /// Memory is read when it has not moved for this long.
    pub still: Duration,
    /// How long the store and the raw disk are written to, per run.
    pub writing: Duration,
    /// No figure takes longer.
    pub limit: Duration,
}

impl Plan {
    pub fn of(options: &Options) -> Self {
        if options.quick {
            return Self {
                runs: 1,
                visits: 5,
                few: 1,
                many: 4,
                stored: 100,
                still: Duration::from_secs(1),
                writing: Duration::from_millis(300),
                limit: Duration::from_secs(120),
            };
        }
        Self {
            runs: 5,
            visits: 200,
            few: 20,
            many: 200,
            stored: 10_000,
            still: Duration::from_secs(12),
            writing: Duration::from_secs(3),
            limit: Duration::from_secs(900),
        }
    }
}

//! What to measure, as the command line says.

use std::path::PathBuf;

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
    /// Sessions of the figure `fleet`.
    #[arg(long, value_name = "COUNT")]
    pub fleet: Option<usize>,
    /// Sessions of Baileys beside it; as many as the fleet has when not given.
    #[arg(long, value_name = "COUNT")]
    pub baileys: Option<usize>,
    /// Sessions of the figure `held`.
    #[arg(long, value_name = "COUNT")]
    pub held: Option<usize>,
    /// Where the results go, with a table in Markdown beside them; <target>/bench/results.json when not given.
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
        let usual = Figure::value_variants().iter().copied().filter(|figure| *figure != Figure::Held);
        if self.only.is_empty() { usual.collect() } else { self.only.clone() }
    }
}

/// What this process is when it does not measure.
#[derive(Debug, Subcommand)]
pub enum Role {
    /// The protocol client alone: the yardstick, started by the benchmark itself.
    #[command(hide = true)]
    Bare(Bare),
    /// Reconnects and QR rounds without a pause: is memory flat?
    Soak(crate::soak::Soak),
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
    /// Many sessions in one process: memory, descriptors, tasks, idle work, restore, pace; Baileys beside it.
    Fleet,
    /// Ten times as many, held for ten minutes. Only when asked for.
    Held,
    /// Webhooks, stored before they are answered; kill -9 under them.
    Intake,
    /// Connections that say nothing, or say it slowly.
    Strangers,
    /// The operators' console in Chromium, with many companies stored.
    Console,
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
            Self::Fleet => "a fleet in one process, and Baileys beside it",
            Self::Held => "a large fleet, held",
            Self::Intake => "webhooks under load",
            Self::Strangers => "connections of strangers",
            Self::Console => "the console in a browser",
            Self::Commits => "durable commits of the store",
            Self::Size => "size of the shipped binary",
        }
    }
}

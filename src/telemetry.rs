//! Logs: one line per event, JSON or for people, to standard error. Installed before anything else runs.

mod levels;
mod line;
mod one_line;
#[cfg(test)]
mod tests;
mod traces;

use std::io::IsTerminal as _;

use tracing::subscriber::set_global_default;
use tracing::{Level, Metadata};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;
use url::Url;

use crate::config::LogFormat;

pub use levels::{BadLevel, LogLevels, PresentLevel};
pub use traces::Traces;

use line::Line;
use one_line::OneLine;

/// Our own lines: written at the level that was asked for.
const OURS: &str = "frontdesk";

/// Libraries whose warnings help an operator.
const HELPFUL: [&str; 7] = ["ractor", "sled", "hyper", "axum", "rustls", "engineioxide", "socketioxide"];

/// May this line be written at all, whatever level was asked for? The protocol client names phone numbers in its own lines, under a dozen
/// targets: so only what is known to be harmless passes, and of the rest only errors. What matters of a link is in our lines.
fn harmless(metadata: &Metadata<'_>) -> bool {
    let target = metadata.target();
    let known = HELPFUL.iter().any(|library| target.starts_with(library));
    target.starts_with(OURS) || *metadata.level() == Level::ERROR || (known && *metadata.level() <= Level::WARN)
}

/// Why logging can't begin.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The subscriber was installed already.
    #[error("logging could not be set up")]
    Installed(#[source] tracing::subscriber::SetGlobalDefaultError),
    /// Not a level.
    #[error("the log level can't be used")]
    Level(#[source] BadLevel),
    /// The collector's address.
    #[error("the collector of traces can't be used")]
    Traces(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Installs the process-wide subscriber. `level` was checked by the configuration.
///
/// Not by `try_init`, which would also take what libraries write through the `log` crate: the protocol client writes phone numbers and
/// pairing codes there, under many targets.
pub fn install(level: &str, format: LogFormat, collector: Option<&Url>) -> Result<(LogLevels, Traces), TelemetryError> {
    let (filter, levels) = LogLevels::new(level).map_err(TelemetryError::Level)?;
    let sending = collector.map(traces::layer).transpose().map_err(|error| TelemetryError::Traces(Box::new(error)))?;
    let (sending, traces) = sending.unzip();
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(harmless)).with(sending);
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let installed = if json {
        set_global_default(registry.with(json_lines(std::io::stderr)))
    } else {
        let terminal = std::io::stderr().is_terminal();
        set_global_default(registry.with(fmt::layer().with_target(false).with_ansi(terminal).with_writer(OneLine(std::io::stderr))))
    };
    installed.map_err(TelemetryError::Installed)?;
    Ok((levels, traces.unwrap_or_default()))
}

/// Writes each event as one JSON object, with the fields of all spans around it.
fn json_lines<S, W>(writer: W) -> impl tracing_subscriber::Layer<S>
where
    S: tracing::Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    fmt::layer().json().event_format(Line).with_writer(writer)
}

//! Logs: one line per event, JSON or for people, to standard error. Installed before anything else runs.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::LogFormat;

/// Libraries whose normal talk is not ours to repeat; the protocol client also logs frames at debug.
const QUIET: [&str; 6] = ["sled=warn", "hyper=warn", "h2=warn", "rustls=warn", "engineioxide=warn", "socketioxide=warn"];

/// The subscriber was installed already.
#[derive(Debug, thiserror::Error)]
#[error("logging could not be set up")]
pub struct TelemetryError(#[source] tracing_subscriber::util::TryInitError);

/// Installs the process-wide subscriber. `level` was checked by the configuration.
pub fn install(level: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let directives = QUIET.join(",");
    let filter = EnvFilter::new(format!("{directives},{level}"));
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter);
    let installed = if json {
        registry.with(fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).with_writer(std::io::stderr)).try_init()
    } else {
        registry.with(fmt::layer().with_target(false).with_writer(std::io::stderr)).try_init()
    };
    installed.map_err(TelemetryError)
}

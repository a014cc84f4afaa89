//! Logs: one line per event, JSON or for people, to standard error. Installed before anything else runs.

use std::io::IsTerminal as _;

use tracing::subscriber::set_global_default;
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use crate::config::LogFormat;

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

/// The subscriber was installed already.
#[derive(Debug, thiserror::Error)]
#[error("logging could not be set up")]
pub struct TelemetryError(#[source] tracing::subscriber::SetGlobalDefaultError);

/// Installs the process-wide subscriber. `level` was checked by the configuration.
///
/// Not by `try_init`, which would also take what libraries write through the `log` crate: the protocol client writes phone numbers and
/// pairing codes there, under many targets.
pub fn install(level: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let filter = EnvFilter::new(level);
    let json = match format {
        LogFormat::Json => true,
        LogFormat::Pretty => false,
        LogFormat::Auto => !std::io::stderr().is_terminal(),
    };
    let registry = tracing_subscriber::registry().with(filter).with(filter_fn(harmless));
    let installed = if json {
        let layer = fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).with_writer(std::io::stderr);
        set_global_default(registry.with(layer))
    } else {
        set_global_default(registry.with(fmt::layer().with_target(false).with_writer(std::io::stderr)))
    };
    installed.map_err(TelemetryError)
}

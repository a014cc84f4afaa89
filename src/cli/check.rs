//! `frontdesk check`: what would go wrong, before it does. Looks at everything, changes nothing, and says of each line what to do.

mod local;
mod network;

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde::Serialize;
use url::Url;

use super::data;
use crate::config::Config;

/// Exit codes as monitoring plug-ins use them.
const EXIT_WARNINGS: u8 = 1;
const EXIT_PROBLEMS: u8 = 2;

#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Configuration file (TOML), as for `serve`.
    #[arg(long, env = "FRONTDESK_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
    /// The data folder, as for `serve`.
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<String>,
    /// The address that browsers use: also tries the way through the proxy in front, pages, polling and WebSocket upgrade.
    #[arg(long, value_name = "URL")]
    public_url: Option<Url>,
    /// Look at this machine only: no connection to YClients, WhatsApp or the public address.
    #[arg(long)]
    offline: bool,
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    /// As it should be.
    Ok,
    /// Works, and will not for ever or not for everyone.
    Warn,
    /// The server would not start, or would not do its work.
    Fail,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Ok => "ok",
            Self::Warn => "WARN",
            Self::Fail => "FAIL",
        })
    }
}

/// One line of the result.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Finding {
    level: Level,
    /// What was looked at.
    area: &'static str,
    /// What was found, and what to do.
    text: String,
}

impl Finding {
    fn ok(area: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Ok, area, text: text.into() }
    }

    fn warn(area: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Warn, area, text: text.into() }
    }

    fn fail(area: &'static str, text: impl Into<String>) -> Self {
        Self { level: Level::Fail, area, text: text.into() }
    }
}

pub(super) fn run(args: &CheckArgs) -> ExitCode {
    let runtime = match data::runtime() {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let findings = runtime.block_on(find(args));
    let worst = findings.iter().map(|finding| finding.level).max().unwrap_or(Level::Ok);
    print(&findings, worst, args.json);
    match worst {
        Level::Ok => ExitCode::SUCCESS,
        Level::Warn => ExitCode::from(EXIT_WARNINGS),
        Level::Fail => ExitCode::from(EXIT_PROBLEMS),
    }
}

async fn find(args: &CheckArgs) -> Vec<Finding> {
    let mut environment = super::environment();
    super::overlay(&mut environment, "FRONTDESK_STORE_DATA_DIR", args.data_dir.as_ref());
    let loaded = super::read_file(args.config.as_deref()).map_err(|words| vec![words]).and_then(|file| {
        let files = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        Config::load(files, &environment).map_err(|error| error.0)
    });
    let mut findings = Vec::new();
    match loaded {
        Ok(config) => {
            findings.push(Finding::ok("configuration", "every setting is understood"));
            findings.extend(local::all(&config).await);
            if !args.offline {
                findings.extend(network::all(&config, args.public_url.as_ref()).await);
            }
        }
        Err(problems) => {
            findings.extend(problems.into_iter().map(|problem| Finding::fail("configuration", problem)));
            findings.push(Finding::warn("configuration", "nothing else was looked at: put these right first"));
        }
    }
    findings
}

#[expect(clippy::print_stdout, reason = "this command's result is its output")]
fn print(findings: &[Finding], worst: Level, json: bool) {
    if json {
        let object = serde_json::json!({ "result": worst, "findings": findings });
        println!("{object}");
        return;
    }
    for Finding { level, area, text } in findings {
        println!("{level:<4}  {area:<13}  {text}");
    }
    let count = |level| findings.iter().filter(|finding| finding.level == level).count();
    println!("{} problems, {} warnings", count(Level::Fail), count(Level::Warn));
}

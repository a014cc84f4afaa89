//! `frontdesk version`.

use std::process::ExitCode;

use clap::Args;

use crate::store;

#[derive(Debug, Args)]
pub(super) struct VersionArgs {
    /// One JSON object instead of text.
    #[arg(long)]
    json: bool,
}

#[expect(clippy::print_stdout, reason = "this command's result is its output")]
pub(super) fn run(args: &VersionArgs) -> ExitCode {
    let (version, schema, sandbox) = (env!("CARGO_PKG_VERSION"), store::newest_schema(), cfg!(feature = "sandbox"));
    if args.json {
        println!("{}", serde_json::json!({ "version": version, "schema": schema, "sandbox": sandbox }));
    } else {
        println!("frontdesk {version}");
        println!("layout of the database: {schema}");
        println!("reaches: {}", if sandbox { "the simulated services on this machine only" } else { "WhatsApp" });
    }
    ExitCode::SUCCESS
}

//! The `frontdesk` binary: everything is in the library, so that tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    frontdesk::cli::run()
}

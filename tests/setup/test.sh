#!/usr/bin/env bash
# Every test of the project; `make test` has done the set-up.
source "$(dirname "$0")/env.sh"

tests/setup/build.sh plain

say "Building the tests"
cargo nextest run $LOCKED --workspace --features sandbox --no-run
tests/setup/settle.sh

say "Running the tests"
cargo nextest run $LOCKED --workspace --features sandbox ${CI:+--profile ci}
say "Running the examples of the documentation"
cargo test $LOCKED --quiet --doc --workspace --features sandbox

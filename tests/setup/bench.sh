#!/usr/bin/env bash
# bench.sh [options of tests/load]: measures speed and size in release; `bench.sh --help` prints the options. With DIST=1 the size is that of
# the profile `dist`, which takes much longer to build. bench.sh soak [--minutes N]: the long run. bench.sh smoke: shows in a debug build, in a
# minute, that the benchmark still works.
source "$(dirname "$0")/env.sh"

# The store has to sync to a disk, and the usual place for temporary files may be in memory.
mkdir -p "$TARGET/bench/tmp"
export TMPDIR=$(realpath "$TARGET/bench/tmp")

# The yardsticks in Node.js. Without them the figures stand alone: SQLite's binding is written in C, and not every machine can build it.
yardsticks() {
    tests/setup/node.sh tests/baileys || say "Baileys can't be installed: its figures are left out"
    tests/setup/node.sh --scripts tests/load/express || say "Express with SQLite can't be installed: its figures are left out"
}

if [ "${1:-}" = smoke ]; then
    shift
    yardsticks
    say "Building the benchmark (debug)"
    cargo build $LOCKED --quiet --bench load --features sandbox
    tests/setup/settle.sh
    cargo bench $LOCKED --quiet --profile dev --bench load --features sandbox -- soak --minutes 0.1 --sessions 3 --pages 2
    cargo bench $LOCKED --quiet --profile dev --bench load --features sandbox -- --quick --json "$(realpath -m "$TARGET")/bench/smoke.json" "$@"
    exit
fi

if [ "${1:-}" = soak ]; then
    say "Building the benchmark, and the server with the simulated services"
    cargo bench $LOCKED --no-run --bench load --features sandbox
    tests/setup/settle.sh
    cargo bench $LOCKED --quiet --bench load --features sandbox -- "$@"
    exit
fi

shipped=()
if [[ "$*" != *--help* && ("$*" != *--only* || "$*" == *size*) ]]; then
    profile=release
    [ -n "${DIST:-}" ] && profile=dist
    say "Building the server as it is shipped (profile $profile); the first time takes 10 minutes and more"
    cargo build $LOCKED --profile "$profile" --bin frontdesk
    tests/setup/settle.sh
    mkdir -p "$TARGET/bench"
    cp -f "$TARGET/$profile/frontdesk" "$TARGET/bench/frontdesk-shipped"
    shipped=(--shipped "$(realpath "$TARGET")/bench/frontdesk-shipped")
fi
[[ "$*" == *--help* ]] || yardsticks
say "Building the benchmark, and the server with the simulated services"
cargo bench $LOCKED --no-run --bench load --features sandbox
tests/setup/settle.sh
cargo bench $LOCKED --quiet --bench load --features sandbox -- "${shipped[@]}" "$@"

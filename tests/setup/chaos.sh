#!/usr/bin/env bash
# The chaos test for longer than `make test` has time for. Prints the seed, with which the same faults come again.
source "$(dirname "$0")/env.sh"

export CHAOS_SECONDS=${CHAOS_SECONDS:-600}
say "Random faults for $CHAOS_SECONDS seconds, then quiet"
cargo nextest run $LOCKED --features sandbox --test it --no-capture -E 'test(/^chaos::chaos_then_quiet/)'

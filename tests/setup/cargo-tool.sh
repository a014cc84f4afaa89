#!/usr/bin/env bash
# cargo-tool.sh <crate>: makes sure that a cargo command is there; built from crates.io into .tools/ when it is missing.
source "$(dirname "$0")/env.sh"

tool=$1
command -v "$tool" >/dev/null && exit 0
say "Installing $tool from crates.io (once, some minutes)"
env -u CARGO_TARGET_DIR cargo install --locked --quiet --root "$TOOLS" "$tool"

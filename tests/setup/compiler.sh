#!/usr/bin/env bash
# Makes sure that Rust and a C compiler are there (the C compiler links, and builds `ring` and the power-cut library).
source "$(dirname "$0")/env.sh"

command -v cargo >/dev/null || give_up "Rust is missing. Install it from https://rustup.rs and run this again."
command -v cc >/dev/null || install_debian gcc libc6-dev

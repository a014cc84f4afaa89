#!/usr/bin/env bash
# What the browser tests need from Debian: Chromium with a font for Russian. The packages of tests/browser come from node.sh.
source "$(dirname "$0")/env.sh"

command -v chromium >/dev/null || install_debian chromium fonts-dejavu-core

#!/usr/bin/env bash
# What the browser tests need: Debian's Chromium with a font for Russian, Node.js, and the packages of tests/browser.
source "$(dirname "$0")/env.sh"

missing=()
command -v chromium >/dev/null || missing+=(chromium fonts-dejavu-core)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
[ ${#missing[@]} -eq 0 ] || install_debian "${missing[@]}"

cd tests/browser
if ! cmp -s package-lock.json node_modules/.installed-lock; then
    say "Installing the Node packages of tests/browser"
    npm ci --loglevel=error --no-audit --no-fund --ignore-scripts </dev/null
    cp package-lock.json node_modules/.installed-lock
fi

#!/usr/bin/env bash
# node.sh [--scripts] <folder>…: Node.js, and the packages of these folders as their lock files name them. Packages run no scripts of their own,
# unless the first word allows it: then what is written in C is built.
source "$(dirname "$0")/env.sh"

scripts=(--ignore-scripts)
if [ "$1" = --scripts ]; then
    shift
    scripts=()
    # The headers that came with Node.js; else node-gyp looks for them elsewhere.
    if [ -e /usr/include/node/node_api.h ]; then export npm_config_nodedir=/usr; fi
fi

missing=()
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
[ ${#missing[@]} -eq 0 ] || install_debian "${missing[@]}"

for folder in "$@"; do
    (
        cd "$folder"
        if cmp -s package-lock.json node_modules/.installed-lock; then exit; fi
        say "Installing the Node packages of $folder"
        npm ci --loglevel=error --no-audit --no-fund "${scripts[@]}" </dev/null
        cp package-lock.json node_modules/.installed-lock
    )
done

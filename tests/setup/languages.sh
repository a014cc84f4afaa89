#!/usr/bin/env bash
# Interpreters of the examples in docs/api.md, from Debian.
source "$(dirname "$0")/env.sh"

missing=()
command -v curl >/dev/null || missing+=(curl)
command -v python3 >/dev/null || missing+=(python3)
command -v php >/dev/null || missing+=(php-cli)
[ ${#missing[@]} -eq 0 ] || install_debian "${missing[@]}"

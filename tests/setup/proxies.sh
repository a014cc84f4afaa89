#!/usr/bin/env bash
# What the tests of the way out need: a SOCKS5 and an HTTP proxy from Debian, as programs only (no service is started).
source "$(dirname "$0")/env.sh"

missing=()
command -v microsocks >/dev/null || missing+=(microsocks)
command -v tinyproxy >/dev/null || missing+=(tinyproxy-bin)
[ ${#missing[@]} -eq 0 ] || install_debian "${missing[@]}"

# Sourced by the scripts beside it: where the project is, where builds and tools go, how to speak.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

TARGET=${CARGO_TARGET_DIR:-target}
TOOLS=$PWD/.tools
PATH=$TOOLS/bin:$TOOLS/python/bin:$PATH
# In CI nothing may move the pins of Cargo.lock.
LOCKED=${CI:+--locked}

say() { printf '\033[1m•\033[0m %s\n' "$*"; }
give_up() { printf '\n%s\n' "$*" >&2; exit 1; }

# install_debian <package>…: through apt-get, as root or with sudo.
install_debian() {
    command -v apt-get >/dev/null || give_up "Not a Debian system: please install $* yourself, then run this again."
    local sudo=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || give_up "Neither root nor sudo: please run 'apt-get install $*' as root, then this again."
        sudo=(sudo)
    fi
    say "Installing from Debian: $*"
    "${sudo[@]}" apt-get update -qq
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

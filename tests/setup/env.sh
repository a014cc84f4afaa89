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

# as_root <command>…: as root, or with sudo.
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    else
        command -v sudo >/dev/null || give_up "Neither root nor sudo: please run '$*' as root, then this again."
        sudo "$@"
    fi
}

# install_debian <package>…: through apt-get, as root or with sudo.
install_debian() {
    command -v apt-get >/dev/null || give_up "Not a Debian system: please install $* yourself, then run this again."
    say "Installing from Debian: $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" </dev/null >/dev/null
}

# unpack_debian <package> <program>…: the programs of a package, into .tools/bin, unless they are there or in the system already.
unpack_debian() {
    local package=$1 program missing=
    shift
    for program in "$@"; do command -v "$(basename "$program")" >/dev/null || missing=yes; done
    [ -n "$missing" ] || return 0
    command -v apt-get >/dev/null || give_up "Not a Debian system: please install $package yourself, then run this again."
    say "Unpacking from Debian: $package"
    local folder
    folder=$(mktemp -d)
    (
        cd "$folder"
        apt-get download -qq "$package" >/dev/null 2>&1 || { as_root apt-get update -qq && apt-get download -qq "$package" >/dev/null; }
        dpkg-deb -x ./*.deb unpacked
    )
    mkdir -p "$TOOLS/bin"
    for program in "$@"; do install "$folder/unpacked/$program" "$TOOLS/bin/"; done
    rm -rf "$folder"
}

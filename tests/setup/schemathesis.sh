#!/usr/bin/env bash
# Schemathesis from PyPI, in a virtual environment of its own below .tools/: it asks the server everything its description allows, and more.
source "$(dirname "$0")/env.sh"

wanted=(schemathesis==4.32.5)
[ "$(cat "$TOOLS/schemathesis/wanted" 2>/dev/null)" = "${wanted[*]}" ] && exit 0

python3 -c 'import venv, ensurepip' 2>/dev/null || install_debian python3 python3-venv
say "Installing ${wanted[*]} from PyPI into .tools/"
python3 -m venv "$TOOLS/schemathesis"
"$TOOLS/schemathesis/bin/pip" install --quiet --disable-pip-version-check "${wanted[@]}"
echo "${wanted[*]}" >"$TOOLS/schemathesis/wanted"

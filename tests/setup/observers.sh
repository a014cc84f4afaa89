#!/usr/bin/env bash
# What the tests of monitoring and of the site in front need: Prometheus, promtool and nginx from Debian's packages, unpacked beside the project.
# As programs only: nothing is installed in the system, no service is started, and no root is needed.
source "$(dirname "$0")/env.sh"

unpack_debian prometheus usr/bin/prometheus usr/bin/promtool
unpack_debian nginx usr/sbin/nginx
for program in "prometheus --version" "promtool --version" "nginx -v"; do
    $program >/dev/null 2>&1 || give_up "'$program' does not run here: please install the packages prometheus and nginx yourself (their services may stay off), then run this again."
done

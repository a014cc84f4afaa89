#!/usr/bin/env bash
# build.sh sandbox: the server with the simulated services. build.sh plain: the server as it is shipped, without them, copied to
# <target>/plain/frontdesk. Both use the same features of the dependencies as the tests, so that nothing is compiled twice without need.
source "$(dirname "$0")/env.sh"

if [ ! -d "$TARGET/debug/deps" ]; then
    say "First build: some 480 crates, about 4 minutes on two cores. Later builds take seconds."
fi
case ${1:-} in
    sandbox)
        say "Building the server with its sandbox"
        cargo build $LOCKED --bin frontdesk --features sandbox
        tests/setup/settle.sh
        ;;
    plain)
        say "Building the server without the sandbox"
        cargo build $LOCKED --bin frontdesk --features same-deps-as-tests
        tests/setup/settle.sh
        mkdir -p "$TARGET/plain"
        cp -f --preserve=timestamps "$TARGET/debug/frontdesk" "$TARGET/plain/frontdesk"
        ;;
    *) give_up "usage: build.sh sandbox|plain" ;;
esac

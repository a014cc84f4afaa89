# The same commands as in the Makefile, for those who like `just`.

# Lists the recipes
default:
    @just --list --unsorted

# Server + sandbox on loopback, ready to click
run:
    @make --no-print-directory run

# All tests, with their set-up
test:
    @make --no-print-directory test

# Exactly what CI runs
ci:
    @bash .ci/run

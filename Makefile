# The two commands of this project are `make run` and `make test`; both do their own set-up on a fresh Debian with Rust.
# The work is in tests/setup/*.sh; .ci/run and the justfile call the same scripts.

TARGET := $(or $(CARGO_TARGET_DIR),target)
FRONTDESK_DATA_DIR ?= data/sandbox
export FRONTDESK_DATA_DIR

.DEFAULT_GOAL := help
.PHONY: help run test setup ci chaos soak bench bench-10k bench-smoke

help: ## This list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'

run: ## Builds and starts server + sandbox on loopback, ready to click (data in data/sandbox)
	@tests/setup/compiler.sh
	@tests/setup/build.sh sandbox
	@exec "$(TARGET)/debug/frontdesk" sandbox

test: setup ## All tests: units, whole servers, power cuts, a real browser
	@tests/setup/test.sh

setup: ## Only what the tests need: Chromium, Node packages, proxies, Prometheus, nginx, PHP, Schemathesis, cargo-nextest
	@tests/setup/compiler.sh
	@tests/setup/cargo-tool.sh cargo-nextest
	@tests/setup/browser.sh
	@tests/setup/node.sh tests/browser tests/baileys
	@tests/setup/proxies.sh
	@tests/setup/observers.sh
	@tests/setup/languages.sh
	@tests/setup/schemathesis.sh

ci: ## Exactly what CI runs: format, lints, docs, licences, spelling, then `make test`
	@bash .ci/run

chaos: setup ## Random faults on 200 sessions, then quiet; 10 minutes. Options: CHAOS_SECONDS, CHAOS_SALONS, CHAOS_SEED (to repeat one)
	@tests/setup/chaos.sh

bench: ## Speed, memory and size in release; some 45 minutes after the build. Options: make bench ARGS="--only first-qr"
	@tests/setup/compiler.sh
	@tests/setup/bench.sh $(ARGS)

bench-10k: ## 10,000 sessions in one process, held for 10 minutes; some 30 minutes after the build
	@tests/setup/compiler.sh
	@tests/setup/bench.sh --only held --json "$(abspath $(TARGET))/bench/held.json" $(ARGS)

soak: ## Reconnects and QR rounds for an hour in release: is memory flat? Options: make soak ARGS="--minutes 10"
	@tests/setup/compiler.sh
	@tests/setup/bench.sh soak $(ARGS)

bench-smoke: ## Shows in a minute that the benchmark still works; its figures mean nothing
	@tests/setup/compiler.sh
	@tests/setup/bench.sh smoke $(ARGS)

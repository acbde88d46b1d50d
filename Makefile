# What a person types. `make run` and `make test` need a Rust toolchain, make and a C compiler, nothing else.

MLRUNS ?= assets/mlruns
LISTEN ?= 127.0.0.1:8080
ADMIN  ?= 127.0.0.1:8081
CARGO  ?= cargo
# Where cargo puts what it builds; the same variable moves both.
TARGET := $(or $(CARGO_TARGET_DIR),target)

.PHONY: help run tui demo test check fmt clippy doc bench

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 26

run: ## build release, start yummyd on the demo models, print what to try next
	$(CARGO) build --release --locked -p yummyd
	$(TARGET)/release/yummyd --mlruns $(MLRUNS) --listen $(LISTEN) --admin-listen $(ADMIN)

tui: ## the dashboard on that daemon
	$(CARGO) build --release --locked -p yummy-tui
	$(TARGET)/release/yummy-tui --url http://$(LISTEN)

demo: ## both in one terminal: the daemon is stopped when the dashboard ends
	$(CARGO) build --release --locked -p yummyd -p yummy-tui
	@$(TARGET)/release/yummyd --mlruns $(MLRUNS) --listen $(LISTEN) --admin-listen $(ADMIN) >$(TARGET)/demo.log 2>&1 & \
	daemon=$$!; trap 'kill $$daemon; wait $$daemon' EXIT; \
	$(TARGET)/release/yummy-tui --url http://$(LISTEN)

test: ## everything that tests, from a fresh clone
	$(CARGO) test --workspace --locked

check: fmt clippy test doc ## what CI runs: format, lints, tests (licences among them), docs

fmt:
	$(CARGO) fmt --all --check

clippy:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc:
	RUSTDOCFLAGS=-Dwarnings $(CARGO) doc --workspace --no-deps --locked

bench: ## micro benches; docs/benchmarks lists the peer comparisons
	$(CARGO) bench --workspace --locked

-include mk/*.mk

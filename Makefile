# The ways into this repository. `make demo` and `make test` do all the set-up they need.

CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Cargo features of the binary, for instance FEATURES=vulkan
FEATURES ?=
WITH := $(if $(FEATURES),--features $(FEATURES))

.DEFAULT_GOAL := help
.PHONY: help setup build demo test bench-peers bench-memory bench-emitted bench-counts bench-gateway bench-hostile-http check fmt clippy doc

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install or name the tools that the build needs
	@sh scripts/setup.sh

build: setup ## compile target/release/harmonic
	$(CARGO) build --release --locked --package harmonic $(WITH)

demo: build ## start the starter team, ask it, and measure this machine
	$(TARGET)/release/harmonic demo

# ARGS are the program's, such as ARGS="--quick a b"; ARGS=--help lists them. Compiling for the bench
# brings the binary that pulls the models.
bench-peers: setup ## measure beside a real llama-server (ARGS=--quick: a first look; --write: the page)
	@sh scripts/peers.sh
	$(CARGO) bench --locked --package harmonic --bench peers $(WITH) --no-run
	$(TARGET)/release/harmonic models pull smollm2:135m
	$(TARGET)/release/harmonic models pull gemma3:270m
	$(CARGO) bench --locked --package harmonic --bench peers $(WITH) -- $(ARGS)

bench-memory: build ## hold the planned memory of two small models against what they take
	$(TARGET)/release/harmonic models pull smollm2:135m
	$(TARGET)/release/harmonic models pull gemma3:270m
	$(CARGO) bench --locked --package harmonic-llama --bench memory $(WITH) -- smollm2:135m gemma3:270m

bench-emitted: build ## run what `plan --emit llama-server` writes, and ask it
	@sh scripts/peers.sh
	$(TARGET)/release/harmonic models pull smollm2:135m
	python3 scripts/run-emitted.py $(TARGET)/release/harmonic \
		"$${PEER_LLAMA_SERVER:-$(TARGET)/peers/llama-server}"

bench-counts: build ## hold what `bench` counts against the servers' own counters
	@sh scripts/peers.sh
	$(TARGET)/release/harmonic models pull smollm2:135m
	python3 scripts/bench-counts.py $(TARGET)/release/harmonic \
		"$${PEER_LLAMA_SERVER:-$(TARGET)/peers/llama-server}"

bench-gateway: ## measure what the gateway costs (ARGS="crowd --seconds 10")
	$(CARGO) bench --locked --package harmonic-gateway --bench load -- $(ARGS)

bench-hostile-http: build ## hold what the worst bodies of eight clients cost the others
	$(TARGET)/release/harmonic models pull smollm2:135m
	python3 scripts/hostile-http.py $(TARGET)/release/harmonic $(ARGS)

# The binary that pulls the model is the one that `cargo test` has just built: no second build of
# llama.cpp.
test: ## fetch two small models and run all tests
	@sh scripts/setup.sh tests
	$(CARGO) test --workspace --locked --no-run
	$(TARGET)/debug/harmonic models pull smollm2:135m
	$(TARGET)/debug/harmonic models pull gemma3:270m
	$(CARGO) test --workspace --locked

check: fmt clippy doc ## formatting, lints and documentation, warnings denied

fmt:
	$(CARGO) fmt --all --check

clippy: setup
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc: setup
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

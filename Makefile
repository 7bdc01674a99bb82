# The ways into this repository. `make demo` and `make test` do all the set-up they need.

CARGO  ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),target)
# Cargo features of the binary, for instance FEATURES=vulkan
FEATURES ?=
WITH := $(if $(FEATURES),--features $(FEATURES))
# Says what runs and how long it took.
STAGE := sh scripts/stage

.DEFAULT_GOAL := help
.PHONY: help setup build dist demo test test-real peers bench-peers bench-memory bench-emitted bench-counts bench-contexts bench-busy bench-embeddings bench-gateway bench-runs bench-hostile-http \
	bench-before-after hostile-load fuzz deny advisories check fmt clippy doc

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-19s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## install or name the tools that the build needs
	@$(STAGE) setup sh scripts/setup.sh

build: setup ## compile target/release/harmonic
	@$(STAGE) "compile (minutes the first time, llama.cpp among it)" \
		$(CARGO) build --release --locked --package harmonic $(WITH)

dist: setup ## compile target/dist/harmonic, to be handed on: link-time optimisation, twice the time
	@$(STAGE) "compile with link-time optimisation" \
		$(CARGO) build --profile dist --locked --package harmonic $(WITH)

demo: build ## start the starter team, ask it, and measure this machine
	@$(STAGE) demo $(TARGET)/release/harmonic demo

peers: setup ## install the engines of others to test against, below target/peers: llama-server, Ollama
	@$(STAGE) "install engines of others (minutes the first time)" sh scripts/peers.sh

# ARGS are the program's, such as ARGS="--quick a b"; ARGS=--help lists them. Compiling for the bench
# brings the binary that pulls the models.
bench-peers: setup ## measure beside a real llama-server (ARGS=--quick: a first look; --write: the page)
	@sh scripts/peers.sh llama-server
	$(CARGO) bench --locked --package harmonic --bench peers $(WITH) --no-run
	$(TARGET)/release/harmonic models pull smollm2:135m
	$(TARGET)/release/harmonic models pull gemma3:270m
	$(CARGO) bench --locked --package harmonic --bench peers $(WITH) -- $(ARGS)

bench-memory: build ## hold the planned memory of two small models against what they take
	$(TARGET)/release/harmonic models pull smollm2:135m
	$(TARGET)/release/harmonic models pull gemma3:270m
	$(CARGO) bench --locked --package harmonic-llama --bench memory $(WITH) -- smollm2:135m gemma3:270m

bench-emitted: build ## run what `plan --emit llama-server` writes, and ask it
	@sh scripts/peers.sh llama-server
	$(TARGET)/release/harmonic models pull smollm2:135m
	python3 scripts/run-emitted.py $(TARGET)/release/harmonic \
		"$${PEER_LLAMA_SERVER:-$(TARGET)/peers/llama-server}"

bench-counts: build ## hold what `bench` counts against the servers' own counters
	@sh scripts/peers.sh llama-server
	$(TARGET)/release/harmonic models pull smollm2:135m
	python3 scripts/bench-counts.py $(TARGET)/release/harmonic \
		"$${PEER_LLAMA_SERVER:-$(TARGET)/peers/llama-server}"

bench-contexts: build ## hold a team of unequal contexts against one of equal ones
	$(TARGET)/release/harmonic models pull smollm2:135m
	python3 scripts/bench-contexts.py $(TARGET)/release/harmonic

bench-busy: build ## hold that `bench` and `doctor` notice another program on one CPU
	$(TARGET)/release/harmonic models pull smollm2:135m
	python3 scripts/bench-busy $(TARGET)/release/harmonic $(ARGS)

bench-embeddings: build ## measure embeddings alone and beside eight generating streams
	$(TARGET)/release/harmonic models pull smollm2:135m
	$(TARGET)/release/harmonic models pull all-minilm:22m
	python3 scripts/bench-embeddings.py $(TARGET)/release/harmonic $(ARGS)

bench-gateway: ## measure what the gateway costs (ARGS="saturation --seconds 10")
	$(CARGO) bench --locked --package harmonic-gateway --bench load -- $(ARGS)

bench-runs: build ## hold what runs gain and cost against plain requests (ARGS="--only real --rounds 3")
	$(TARGET)/release/harmonic models pull smollm2:135m
	$(CARGO) bench --locked --package harmonic-app --bench runs $(WITH)
	python3 scripts/bench-runs.py $(TARGET)/release/harmonic $(ARGS)

bench-hostile-http: build ## hold what the worst bodies of eight clients cost the others
	$(TARGET)/release/harmonic models pull smollm2:135m
	python3 scripts/hostile-http.py $(TARGET)/release/harmonic $(ARGS)

# COMMIT is what to compare with; ARGS="--pairs 4 --levels 1" for a first look.
bench-before-after: setup ## hold this tree's throughput against an earlier one's (COMMIT=HEAD~1)
	scripts/bench-before-after $(ARGS) $(or $(COMMIT),$(error say what to compare with: make bench-before-after COMMIT=HEAD~1))

hostile-load: build ## load the starter team with all that has hurt a server (ARGS="--minutes 10")
	$(TARGET)/release/harmonic models pull smollm2:135m
	scripts/hostile-load --binary $(TARGET)/release/harmonic $(ARGS)

# Needs neither a nightly compiler nor cargo-fuzz.
fuzz: setup ## run every fuzz target for TIME seconds (TIME=600 TARGETS="stack_file")
	scripts/fuzz --time $(or $(TIME),600) $(TARGETS)

# The version that deny.toml is written for.
CARGO_DENY := 0.20.2

# Without a network: `advisories` is apart because its database lies on github.com.
deny: ## hold the dependencies' licences, sources and bans against deny.toml
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny@$(CARGO_DENY)
	$(CARGO) deny --locked check licenses bans sources

advisories: ## look for known faults of the dependencies (fetches the database from github.com)
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-deny@$(CARGO_DENY)
	$(CARGO) deny --locked check advisories

# The binary that pulls the model is the one that `cargo test` has just built: no second build of
# llama.cpp. Several programs at once, and four tests of each: most wait for servers that they start.
test: ## fetch two small models and run all tests
	@$(STAGE) setup sh scripts/setup.sh tests
	@$(STAGE) "compile the tests (minutes the first time, llama.cpp among it)" \
		$(CARGO) test --workspace --locked --no-run
	@$(STAGE) "pull smollm2:135m" $(TARGET)/debug/harmonic models pull smollm2:135m
	@$(STAGE) "pull gemma3:270m" $(TARGET)/debug/harmonic models pull gemma3:270m
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} $(STAGE) test scripts/run-tests $(CARGO)

# Four programs of 100 MB and more come from npm, and llama-server and Ollama are compiled: the first
# time takes minutes. The binary that pulls the model is the one under test, and is that of `make test`.
test-real: ## run other people's programs (Claude Code, Codex, LangChain …) over the real engine, and long tests
	@$(STAGE) setup sh scripts/setup.sh clients
	@$(STAGE) "install the clients (minutes the first time)" sh scripts/clients.sh
	@$(STAGE) "install engines of others (minutes the first time)" sh scripts/peers.sh
	@$(STAGE) "compile the tests" $(CARGO) test --workspace --locked --test clients --test sdk --test children --test runs --test servers --no-run
	@$(STAGE) "pull smollm2:135m" $(TARGET)/debug/harmonic models pull smollm2:135m
	@$(STAGE) "pull all-minilm:22m" $(TARGET)/debug/harmonic models pull all-minilm:22m
	@$(STAGE) "official client libraries" \
		$(CARGO) test --workspace --locked --test sdk -- --ignored
	@$(STAGE) clients \
		$(CARGO) test --workspace --locked --test clients -- --ignored --test-threads=1
	@HARMONIC_TEST_GGUF=$$($(TARGET)/debug/harmonic models show smollm2:135m --json | \
		python3 -c 'import json, sys; print(json.load(sys.stdin)["path"])') $(STAGE) "a real Ollama" \
		$(CARGO) test --workspace --locked --test servers -- --ignored
	@$(STAGE) "MCP servers" \
		$(CARGO) test --workspace --locked --test children -- --ignored
	@$(STAGE) "runs that are killed, and of random plans" \
		$(CARGO) test --workspace --locked --test runs -- --ignored
	@HARMONIC_TEMPLATES=$$(sh scripts/public-templates.sh) $(STAGE) "public templates" \
		$(CARGO) test --workspace --locked --lib -- --ignored public_templates
	@$(STAGE) "packages of suites" \
		$(CARGO) test --workspace --locked --lib -- --ignored public_packages

check: fmt clippy doc ## formatting, lints and documentation, warnings denied

fmt:
	$(CARGO) fmt --all --check

clippy: setup
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

doc: setup
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

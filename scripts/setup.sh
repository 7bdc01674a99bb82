#!/bin/sh
# Checks for what the build needs and, on Debian-like systems, installs what is missing. Elsewhere
# it prints the command that would. Says what it does before it does it; silent and quick when all
# is there, but for ccache: the build does without it, so elsewhere it is only named, each time. Never
# touches the Rust toolchain. `setup.sh tests` also sees to the browser in which a test opens the
# reports, `setup.sh clients` to what scripts/clients.sh installs programs with.
set -eu
cd "$(dirname "$0")/.."

os_release=${OS_RELEASE:-/etc/os-release}
purpose=${1:-build}

say() { printf '%s\n' "$*" >&2; }
have() { command -v "$1" >/dev/null 2>&1; }

# --- what is needed ------------------------------------------------------------------------------

# Directories in which the build looks for libclang: those of the clang-sys crate. LIBCLANG_PATH,
# where set, is the only one.
libclang_directories() {
    if [ -n "${LIBCLANG_PATH:-}" ]; then
        printf '%s\n' "$LIBCLANG_PATH" "$(dirname "$LIBCLANG_PATH")"
        return
    fi
    if have llvm-config; then llvm-config --libdir 2>/dev/null || true; fi
    for directory in /usr/local/llvm*/lib* /usr/local/lib* /usr/lib/llvm*/lib /usr/lib/*-linux-* \
        /usr/lib/llvm*/lib64 /usr/lib64/llvm*/lib* /usr/lib64 /usr/lib \
        /Library/Developer/CommandLineTools/usr/lib \
        /Applications/Xcode.app/Contents/Developer/Toolchains/XcodeDefault.xctoolchain/usr/lib \
        /usr/local/opt/llvm*/lib; do
        if [ -d "$directory" ]; then printf '%s\n' "$directory"; fi
    done
}

# libclang alone does not do: bindgen also needs the headers of the compiler (stddef.h), which come
# with the -dev package or with clang itself.
have_libclang() {
    libclang_directories | while IFS= read -r directory; do
        for library in "$directory"/libclang.so* "$directory"/libclang-[0-9]*.so* \
            "$directory"/libclang.dylib; do
            [ -e "$library" ] || continue
            if have clang; then echo found; exit; fi
            for header in "$directory"/clang/*/include/stddef.h \
                "$directory"/../lib/clang/*/include/stddef.h \
                /usr/lib/clang/*/include/stddef.h; do
                if [ -e "$header" ]; then echo found; exit; fi
            done
        done
    done | grep -q found
}

# The same names as in crates/report/tests/page/browser.rs.
have_browser() {
    have chromium || have chromium-browser || have google-chrome
}

# The names of missing things, one a line.
missing() {
    if [ "$purpose" = tests ]; then have_browser || echo browser; fi
    if [ "$purpose" = clients ]; then
        have node || echo nodejs
        have npm || echo npm
    fi
    have cc || echo c-compiler
    have c++ || echo c++-compiler
    have make || echo make
    have cmake || echo cmake
    have_libclang || echo libclang
    if have python3; then
        python3 -m pip --version >/dev/null 2>&1 || echo pip
        python3 -c 'import ensurepip, venv' >/dev/null 2>&1 || echo venv
    else
        printf '%s\n' python pip venv
    fi
}

# The package that brings $2 on a system of family $1.
package() {
    case "$1:$2" in
        *:browser) echo chromium ;;
        debian:c-compiler) echo gcc libc6-dev ;;
        debian:c++-compiler) echo g++ ;;
        debian:libclang) echo libclang-dev ;;
        debian:python) echo python3 ;;
        debian:pip) echo python3-pip ;;
        debian:venv) echo python3-venv ;;
        fedora:c-compiler | suse:c-compiler) echo gcc ;;
        fedora:c++-compiler | suse:c++-compiler) echo gcc-c++ ;;
        fedora:libclang | suse:libclang) echo clang-devel ;;
        fedora:python | suse:python) echo python3 ;;
        fedora:pip | suse:pip) echo python3-pip ;;
        fedora:venv | suse:venv) echo python3 ;;
        arch:c-compiler | arch:c++-compiler) echo gcc ;;
        arch:libclang) echo clang ;;
        arch:python | arch:venv) echo python ;;
        arch:pip) echo python-pip ;;
        alpine:c-compiler | alpine:c++-compiler) echo build-base linux-headers ;;
        alpine:libclang) echo clang clang-dev ;;
        alpine:python | alpine:venv) echo python3 ;;
        alpine:pip) echo py3-pip ;;
        macos:libclang) echo llvm ;;
        macos:python | macos:pip | macos:venv) echo python ;;
        *) echo "$2" ;;
    esac
}

# The packages for the missing things $2 on a system of family $1, each once, on one line.
packages() {
    for thing in $2; do
        # shellcheck disable=SC2046 # one thing may need two packages
        printf '%s\n' $(package "$1" "$thing")
    done | sort -u | tr '\n' ' ' | sed 's/ $//'
}

family() {
    if [ "$(uname -s)" = Darwin ]; then echo macos; return; fi
    # shellcheck disable=SC1090 # the file is the system's
    ids=$( (. "$os_release" && echo "${ID:-} ${ID_LIKE:-}") 2>/dev/null || true)
    for id in $ids; do
        case "$id" in
            debian | ubuntu) echo debian; return ;;
            fedora | rhel | centos) echo fedora; return ;;
            arch) echo arch; return ;;
            *suse* | sles) echo suse; return ;;
            alpine) echo alpine; return ;;
        esac
    done
    echo other
}

# --- the Rust toolchain --------------------------------------------------------------------------

check_rust() {
    wanted=$(sed -n 's/^rust-version = "\([0-9]*\.[0-9]*\).*/\1/p' Cargo.toml)
    if ! have cargo; then
        say "setup: cargo is missing. Install Rust $wanted or newer from https://rustup.rs"
        say "and run this again."
        exit 1
    fi
    found=$(cargo --version | sed 's/^cargo \([0-9]*\.[0-9]*\).*/\1/')
    if [ "${found%.*}" -lt "${wanted%%.*}" ] || {
        [ "${found%.*}" -eq "${wanted%%.*}" ] && [ "${found#*.}" -lt "${wanted#*.}" ]
    }; then
        say "setup: cargo $found is too old, Rust $wanted or newer is needed. Run"
        say "    rustup update stable"
        exit 1
    fi
}

# --- do it ---------------------------------------------------------------------------------------

# Tells the person what to run, and fails.
ask_for() {
    say "setup: missing here: $1. Install them with"
    say "    $2"
    say "and run this again."
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi
}

apt_install() {
    say "    apt-get update"
    say "    apt-get install -y --no-install-recommends $1"
    as_root apt-get update -q >&2 || return
    # shellcheck disable=SC2086 # $1 is a list
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $1 >&2
}

install_with_apt() {
    if [ "$(id -u)" -ne 0 ] && ! have sudo; then
        ask_for "$1" "su -c 'apt-get update && apt-get install -y $2'"
    fi
    say "setup: missing here: $1. Running now, as root:"
    apt_install "$2"
}

# ccache keeps what is compiled of llama.cpp (crates/llama/cmake/llama-cpp.cmake). Nobody is asked for
# a password for it, and a build goes on without.
see_to_ccache() {
    if have ccache; then return; fi
    if [ "$(family)" = debian ] && { [ "$(id -u)" -eq 0 ] || sudo -n true 2>/dev/null; }; then
        say "setup: ccache is missing here. Running now, as root:"
        apt_install ccache || say "setup: that failed."
    fi
    have ccache || say "setup: without ccache, llama.cpp is compiled once for each cargo profile."
}

check_rust
absent=$(missing)
if [ -z "$absent" ]; then
    see_to_ccache
    exit 0
fi
listed=$(printf '%s' "$absent" | tr '\n' ' ')
system=$(family)
wanted=$(packages "$system" "$absent")
case "$system" in
    debian) install_with_apt "$listed" "$wanted" ;;
    fedora) ask_for "$listed" "sudo dnf install $wanted" ;;
    arch) ask_for "$listed" "sudo pacman -S --needed $wanted" ;;
    suse) ask_for "$listed" "sudo zypper install $wanted" ;;
    alpine) ask_for "$listed" "sudo apk add $wanted" ;;
    macos) ask_for "$listed" "xcode-select --install; brew install $wanted" ;;
    *) ask_for "$listed" "your system's package manager (on Debian: apt-get install $(packages debian "$absent"))" ;;
esac

absent=$(missing | tr '\n' ' ')
if [ -n "$absent" ]; then
    say "setup: still missing after the installation: $absent"
    say "If python3 or llvm-config in PATH are not the system's own, put the system's first."
    exit 1
fi
see_to_ccache

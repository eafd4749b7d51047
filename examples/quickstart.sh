#!/bin/sh
# Builds windrow, counts the words of four books with it, and shows the ten most frequent. Installs, where there is none
# and apt-get can, the linker that Rust needs.
set -eu
cd "$(dirname "$0")/.."
if ! command -v cargo >/dev/null && [ -r "$HOME/.cargo/env" ]; then . "$HOME/.cargo/env"; fi
if ! command -v cc >/dev/null; then
    if ! command -v apt-get >/dev/null; then
        echo "quickstart: there is no cc, which Rust needs to link programs: install gcc or clang, then run this again" >&2
        exit 1
    fi
    as_root=
    [ "$(id -u)" = 0 ] || as_root=sudo
    $as_root apt-get update -qq
    $as_root apt-get install -y -qq --no-install-recommends gcc libc6-dev
fi
cargo build --release --bin windrow

target/release/windrow run \
    --input 'examples/books/*.txt' --output - \
    --mapper examples/word-count/mapper.sh --reducer examples/word-count/reducer.sh |
    LC_ALL=C sort -t "$(printf '\t')" -k 2,2nr | head

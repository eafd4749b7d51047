#!/bin/sh
# usage: run.sh INPUT OUTPUT
# Writes an index of the words of INPUT's books to OUTPUT/2-index, on the cluster at WINDROW_MANAGER if that is set.
set -eu
[ $# -eq 2 ] || { sed -n 2,3p "$0" >&2; exit 1; }
examples=$(cd "$(dirname "$0")/.." && pwd)
run=run
[ -z "${WINDROW_MANAGER:-}" ] || run=submit
mkdir -p "$2"

# No book is cut: each is smaller than a split.
"$examples/windrow" $run --name 'places' --input "$1" --output "$2/1-places" --reducers 0 --split-size 1GiB \
    --mapper "'$examples/inverted-index/place.sh'"

"$examples/windrow" $run --name 'index' --input "$2/1-places" --output "$2/2-index" --reducers 4 \
    --mapper "'$examples/inverted-index/mapper.sh'" --reducer "'$examples/inverted-index/reducer.sh'"

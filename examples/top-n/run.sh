#!/bin/sh
# usage: run.sh INPUT OUTPUT [N]
# Writes the N (20) most frequent words of INPUT to OUTPUT/2-top, on the cluster at WINDROW_MANAGER if that is set.
set -eu
[ $# -ge 2 ] || { sed -n 2,3p "$0" >&2; exit 1; }
examples=$(cd "$(dirname "$0")/.." && pwd)
run=run
[ -z "${WINDROW_MANAGER:-}" ] || run=submit
mkdir -p "$2"

"$examples/windrow" $run --name 'count words' --input "$1" --output "$2/1-counts" --reducers 4 \
    --mapper "'$examples/word-count/mapper.sh'" --reducer "'$examples/word-count/reducer.sh'"

"$examples/windrow" $run --name 'top words' --input "$2/1-counts" --output "$2/2-top" --reducers 1 \
    --mapper "'$examples/top-n/top.sh' ${3:-20}" --reducer "'$examples/top-n/top.sh' ${3:-20}"

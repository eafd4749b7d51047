#!/bin/sh
# Prints the lines with the highest counts, at most $1 of them. The top of many tops is the top of all, so this is
# mapper and reducer both. Equal counts go by the word, so that the result is one.
LC_ALL=C sort -t "$(printf '\t')" -k 2,2nr -k 1,1 | head -n "$1"

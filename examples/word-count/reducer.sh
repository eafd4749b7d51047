#!/bin/sh
# Adds up the counts of each word; the lines of a word follow each other.
LC_ALL=C exec awk -F '\t' '
# The empty string makes it a comparison of text: "inf" and "infinity" are two words, not one number.
NR > 1 && $1 "" != word "" { print word "\t" total; total = 0 }
{ word = $1; total += $2 }
END { if (NR) print word "\t" total }'

#!/bin/sh
# Prints "word<TAB>title: numbers; title: numbers". The places of a word come in the order in which they were printed, book
# by book and line by line: there is nothing to sort.
LC_ALL=C exec awk -F '\t' '
NR == 1 || $1 "" != word "" { if (NR > 1) print ""; word = $1; title = ""; printf "%s\t", word }
$2 "" != title "" { printf "%s%s:", (title == "" ? "" : "; "), $2; title = $2 }
{ printf " %s", $3 }
END { if (NR) print "" }'

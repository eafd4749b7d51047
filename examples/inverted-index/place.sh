#!/bin/sh
# Turns a book into "title<TAB>line number<TAB>text", without its empty lines. It must be given the whole book: the title
# is on the first line, and lines are counted from there.
LC_ALL=C exec awk '
{ sub(/\r$/, "") }
NR == 1 { title = $0; sub(/^# Title: */, "", title) }
$0 != "" { print title "\t" NR "\t" $0 }'

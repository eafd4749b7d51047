#!/bin/sh
# Prints "word<TAB>title<TAB>line number" for each different word of a line that place.sh printed.
LC_ALL=C exec awk -F '\t' '
{
    text = tolower(substr($0, length($1) + length($2) + 3))
    gsub(/\302.|\342\200./, " ", text)                # signs of Latin-1, dashes, quotes
    gsub(/[^a-z\200-\377]+/, " ", text)
    count = split(text, words, " ")
    for (i = 1; i <= count; i++) {
        if (seen[words[i]] != NR) print words[i] "\t" $1 "\t" $2
        seen[words[i]] = NR
    }
}'

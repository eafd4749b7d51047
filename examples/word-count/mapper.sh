#!/bin/sh
# Prints "word<TAB>1" for each word of its input. LC_ALL=C makes every awk work on bytes.
LC_ALL=C exec awk '
{
    line = tolower($0)
    gsub(/\342\200\231/, "\047", line)                # the curly apostrophe is an apostrophe
    gsub(/\302.|\342\200./, " ", line)                # signs of Latin-1, dashes, quotes
    gsub(/[^a-z\047\200-\377]+/, " ", line)
    count = split(line, words, " ")
    for (i = 1; i <= count; i++) {
        word = words[i]
        gsub(/^\047+|\047+$/, "", word)               # quotes around a word, not those within
        if (word != "") print word "\t1"
    }
}'

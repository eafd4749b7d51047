#!/usr/bin/env python3
"""Adds up the counts of each word; the lines of a word follow each other."""
import sys

word, total = None, 0
for line in sys.stdin.buffer:
    next_word, count = line.split(b"\t")
    if next_word != word:
        if word is not None:
            sys.stdout.buffer.write(b"%s\t%d\n" % (word, total))
        word, total = next_word, 0
    total += int(count)
if word is not None:
    sys.stdout.buffer.write(b"%s\t%d\n" % (word, total))

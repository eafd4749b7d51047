#!/usr/bin/env python3
"""Prints "word<TAB>1" for each word of its input. Works on bytes: decoding would only cost time."""
import re
import sys

APOSTROPHE = "\N{RIGHT SINGLE QUOTATION MARK}".encode()
SIGNS = re.compile(rb"\xc2.|\xe2\x80.")  # signs of Latin-1, dashes, quotes
# Capitals become small, letters and bytes of letters beyond ASCII stay, all else becomes a space.
LETTERS = bytes(
    byte if byte == ord("'") or byte >= 0x80 or chr(byte).isalpha() else ord(" ")
    for byte in bytes(range(256)).lower()
)

for line in sys.stdin.buffer:
    line = SIGNS.sub(b" ", line.replace(APOSTROPHE, b"'")).translate(LETTERS)
    for word in line.split():
        word = word.strip(b"'")  # quotes around a word, not those within
        if word:
            sys.stdout.buffer.write(word + b"\t1\n")

#!/bin/sh
# grep, for which a split without a match is a success, as it is not for grep itself.
grep "$@" || [ $? -eq 1 ]

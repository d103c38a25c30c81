#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Rules of CONTRIBUTING.md that a program can check.
. "${top_srcdir:-.}/tests/lib/functions.sh"
cd "$top_srcdir" || exit 1
sources () { find core plugins sdk tests -name '*.[ch]' -not -path '*/corpus/*' -not -name schema-text.h | sort; }

# word WHY NAMES: functions that nobody calls.
banned=$(sources | xargs grep -nwE '(strtol|strtoul|strtoll|strtoull|atoi|atol|sscanf|strcpy|strcat|sprintf|vsprintf|strtok|strerror|gets|alloca|system|popen|mktemp|tmpnam) ?\(' |
  grep -vE '^[^:]*:[0-9]+: *(/?\*|//)' | grep -vE '"[^"]*\b(system|gets) ?\(')
is "$banned" "" "no banned call"

is "$(sources | xargs grep -L 'SPDX-License-Identifier: Apache-2.0')" "" "every C file has its SPDX line"
is "$(find . -path ./build -prune -o -path ./.cache -prune -o -path ./build-aux -prune -o -path ./.git -prune -o \( -name '*.sh' -o -name local.mk \) -print | xargs grep -L 'SPDX-License-Identifier: Apache-2.0')" \
   "" "every script and local.mk has its SPDX line"
is "$(sources | xargs grep -nE '\b(TODO|FIXME|XXX)\b' | grep -v 'XXXXXX')" "" "nothing is left for later"
is "$(sources | grep -v '^tests/' | xargs grep -nE '\bexit ?\(' | grep -vE '_exit|main\.c|at_exit' )" "" "only main ends the process"
is "$(sources | grep '^tests/' | xargs grep -nwE '(sleep|usleep|nanosleep) ?\(')" "" "no C test sleeps"
is "$(grep -rnE '^[^#]*\bsleep [0-9]' tests --include='*.sh')" "" "no shell test sleeps"
is "$(sources | xargs awk 'length($0) > 100 {print FILENAME ":" FNR}' | head)" "" "no line is longer than 100 columns"
done_testing

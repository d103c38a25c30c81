#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slipway-plugin-check against the fixtures: what it says is not ok, line by
# line, and that it passes the plugins that we ship.
. "${top_srcdir:-.}/tests/lib/functions.sh"

check=$top_builddir/slipway-plugin-check
machine=$(basename "$(dirname "$(ls -d "$top_builddir"/plugins-built/*/store)")")
fixtures=$top_builddir/tests/plugin/built/$machine/action

# What is not ok, without the numbers.
bad_lines () {
  "$check" --limit 3 "$@" 2>&1 | sed -n 's/^not ok [0-9]* - //p'
}
# finds FIXTURE LINES
finds () { is "$(bad_lines "$fixtures/$1.so")" "$2" "fixture $1"; }

for fixture in good minimal older newer; do finds $fixture ''; done
finds rpath 'looks for libraries in no place of its own'
finds textrel 'has no relocations in its code'
finds execstack 'asks for no executable stack'
finds two-symbols 'exports its descriptor only'
finds needs-library 'needs published libraries only'
for fixture in no-run not-a-plugin short-descriptor bad-param wrong-name; do
  finds $fixture 'describes itself without running'
done
for fixture in wrong-major needs-newer; do
  finds $fixture 'is built for this plugin ABI'
done
for fixture in crash hang; do finds $fixture 'comes back from a dry run'; done
for fixture in bad-return floods-log; do
  finds $fixture "keeps the rules of the host's services"
done
finds leak 'leaves no descriptor open
leaves no process behind'

for file in "$top_builddir"/plugins-built/*/*/*.so; do
  is "$(bad_lines "$file")" '' "shipped ${file#"$top_builddir"/plugins-built/}"
done

like "$("$check" --params count=11 "$fixtures/good.so")" \
  '^# --params.count must be from 1 to 10$' 'a parameter out of range is named'
like "$("$check" --params cuont=1 "$fixtures/good.so")" \
  "^# 'cuont=1' is not NAME=VALUE of a declared parameter$" \
  'an unknown parameter is named'
ok 'good parameters are accepted' \
  "$check" --params count=1 fast=false note=hello "$fixtures/good.so"
not_ok 'a command line without a file is refused' "$check"
done_testing

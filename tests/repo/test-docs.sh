#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the documents name is there.
. "${top_srcdir:-.}/tests/lib/functions.sh"
cd "$top_srcdir" || exit 1

for document in README.md CONTRIBUTING.md core/doc/*.md; do
  gone=$(grep -oE '`(core|plugins|sdk|profiles|tests)/[A-Za-z0-9_./-]+`' "$document" | tr -d '`' | sort -u |
    while read -r path; do [ -e "$path" ] || echo "$path"; done)
  is "$gone" "" "the files that $document names are there"
done

# Every verb that the README shows is one that the program knows.
if [ -x "$top_builddir/slipway" ]; then
  unknown=$(sed -n 's/^    slipway \([a-z]* [a-z]*\).*/\1/p' README.md | sort -u |
    while read -r noun verb; do "$run" slipway "$noun" "$verb" --help 2>&1 | grep -q "^  $noun $verb" || echo "$noun $verb"; done)
  is "$unknown" "" "the README's commands exist"
fi
done_testing

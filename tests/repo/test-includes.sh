#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The direction of dependency (core/doc/architecture.md), by #include lines.
. "${top_srcdir:-.}/tests/lib/functions.sh"
cd "$top_srcdir" || exit 1

# allowed AREA PATTERN: files of core/AREA include only what matches.
allowed () {
  local bad
  bad=$(grep -rnE --include='*.[ch]' '^#include "core/' "core/$1" | grep -vE "\"core/($2)/")
  is "$bad" "" "core/$1 includes only core/($2)"
}
allowed util 'util'
allowed plugin 'util|plugin'
allowed boot 'util|boot'
allowed image 'util|image'
allowed wire 'util|wire'
allowed profile 'util|plugin|boot|image|wire|profile'
allowed server 'util|plugin|boot|image|wire|profile|server'
allowed engine 'util|plugin|boot|image|wire|profile|engine'
allowed cli 'util|plugin|boot|image|wire|profile|cli'

is "$(grep -rnE --include='*.[ch]' '^#include "' plugins sdk/template |
      grep -v -e 'include "[a-z0-9-]*\.h"' -e '^\(plugins/[a-z]*/\).*include "\1[a-z0-9-]*\.h"')" "" \
   "plugins include their own files, what their kind shares, and <slipway/...> only"
is "$(grep -rlE --include='*.[ch]' '^#include <slipway/' core plugins sdk |
      xargs grep -hE '^#include <slipway/' | sort -u |
      while read -r _ h; do h=${h#<}; h=${h%>}; [ -e "sdk/include/$h" ] || [ -e "sdk/include/$h.in" ] || [ -e "sdk/mock/${h##*/}" ] || echo "$h"; done)" \
   "" "every <slipway/...> header that is included is published"
is "$(find core plugins sdk tests \( -name err.h -o -name error.h -o -name limits.h -o -name regex.h \) -not -path core/util/err.h)" \
   "" "no header is named like a system one"
done_testing

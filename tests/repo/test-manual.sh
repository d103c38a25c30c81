#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# Everything that has a name has its manual page, every page says all that
# there is, and every page is in order.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires podchecker pod2man jq
page () { find "$top_srcdir" "$top_builddir/core" -path "*/.git" -prune -o -name "$1.pod" -print 2> /dev/null | head -n 1; }
# lacking NAMES-ON-STDIN...: those that no page is called after.
lacking () { while read -r name; do [ -n "$(page "$name")" ] || echo "$name"; done; }
# unsaid FILE: those words of standard input that the page does not have in bold.
unsaid () { while IFS= read -r word; do grep -qF -- "B<$word>" "$1" || grep -qF -- "item $word" "$1" || echo "$word"; done; }

# Programs and plugins, by what is built and installed.
is "$(printf '%s\n' slipway.1 slipwayd.8 slipway-engine.8 slipway-engine-build.8 slipway-plugin-check.1 | lacking)" "" \
  "every program has its page"
is "$(cd "$top_srcdir/plugins" && for dir in */*/; do kind=${dir%%/*} id=${dir#*/}; echo "slipway-${id%/}-$kind.7"; done | lacking)" "" \
  "every plugin has its page"
is "$(printf '%s\n' slipway-plugin.7 slipway-plugin-{action,arch,store,transport}.7 slipway-profile.5 slipwayd.json.5 slipway-problems.7 | lacking)" "" \
  "so have formats and plugin authors"

# What the programs say of themselves.
is "$("$run" slipway --list-verbs | cut -d' ' -f1 | sort -u | sed 's/.*/slipway-&.1/' | lacking)" "" "every noun has its page"
missing=$("$run" slipway --list-verbs | while read -r noun verb; do
  file=$(page "slipway-$noun.1")
  echo "${verb:+$noun $verb}" | sed '/^$/d' | unsaid "$file"
  "$run" slipway $noun $verb --help | sed '/^For all:/,$d' | grep -o '^  --[a-z-]*' | tr -d ' ' | unsaid "$file"
done)
is "$missing" "" "which has its verbs and their options"
is "$("$run" slipway --help | sed '1,/^For all:/d' | grep -o '^  --[a-z-]*' | tr -d ' ' | unsaid "$(page slipway.1)")" "" \
  "slipway(1) has the options of all"
is "$("$run" slipwayd --help | grep -o '^  [a-z-]* ' | tr -d ' ' | unsaid "$(page slipwayd.8)")" "" "slipwayd(8) has its verbs"
is "$(sed -n 's/.*json_\(opt\|get\|has\)[a-z0-9_]*(\(r\|&r\|&child\|&item\), "\([a-z_]*\)".*/\3/p' "$top_srcdir"/core/server/config*.c |
  sort -u | while read -r key; do grep -q "\b$key\b" "$(page slipwayd.json.5)" || echo "$key"; done)" "" \
  "slipwayd.json(5) has every key"
missing=$(for file in $(grep -l 'SLIPWAY_PARAM(' "$top_srcdir"/plugins/*/*/*.c); do
  dir=${file%/*} kind=${file%/*/*} kind=${kind##*/} id=${dir##*/}
  sed -n 's/.*\.name = "\([a-z_]*\)".*/\1/p' "$file" | grep -vx "$id" |
    while read -r name; do grep -q "\b$name\b" "$dir/slipway-$id-$kind.7.pod" || echo "$id: $name"; done
done)
is "$missing" "" "a plugin's page has its parameters"
keys=$(jq -r '[.. | objects | .properties? // empty | keys[]] | unique[]' "$top_srcdir/profiles/schema/profile.json")
is "$(for key in $keys; do grep -qwF -- "$key" "$(page slipway-profile.5)" || echo "$key"; done)" "" "slipway-profile(5) has every key"

# In order, one by one.
pods=$(cd "$top_srcdir" && find core plugins sdk -name '*.pod'; echo "$top_builddir/core/server/rest/slipway-problems.7.pod")
is "$(cd "$top_srcdir" && podchecker $pods 2>&1 | grep -v 'pod syntax OK')" "" "podchecker finds no fault"
if command -v man > /dev/null; then
  faults=$(cd "$top_srcdir" && for pod in $pods; do
    name=$(basename "$pod" .pod)
    pod2man --errors=die --utf8 --name="${name%.*}" --section="${name##*.}" "$pod" > "$TEST_DIR/$name"
    LC_ALL=C.UTF-8 MANROFFSEQ='' MANWIDTH=80 man --warnings --encoding=utf8 -l "$TEST_DIR/$name" 2>&1 > /dev/null | sed "s/^/$name: /"
  done)
  is "$faults" "" "nor does man"
fi
# What the pages point to is there.
gone=$(cd "$top_srcdir" && grep -ohE 'L<slipway[a-z.-]*\([0-9]\)>' $pods | sort -u | sed 's/L<\(.*\)(\([0-9]\))>/\1.\2/' | lacking)
is "$gone" "" "the pages that are pointed to are there"
done_testing

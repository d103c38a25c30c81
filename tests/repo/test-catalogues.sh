#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# What the catalogues of events and of problems explain is what the code says,
# both ways.
. "${top_srcdir:-.}/tests/lib/functions.sh"
cd "$top_srcdir" || exit 1

events=$(sed -n '/explanations\[\] = {/,/^};/s/^    {"\([a-z-]*\)".*/\1/p' core/server/event-text.c)
code=$(find core plugins -name '*.c' ! -path core/server/event-text.c)
silent=$(for id in $events; do grep -qF "\"$id\"" $code || echo "$id"; done)
is "$silent" "" "every event of the list is told somewhere"
said=$(cat $code | tr '\n' ' ' | grep -oE '(events_emit|deploy->event|emit)\([^;"]*, *"[a-z]+-[a-z-]+"' | grep -oE '"[a-z-]+"$' | tr -d '"' | sort -u)
unexplained=$(for id in $said; do grep -qx "$id" <<< "$events" || echo "$id"; done)
is "$unexplained" "" "every event that is told is in the list"

problems=$(sed -n 's/^\([a-z-]*\) [0-9][0-9][0-9] .*/\1/p' core/server/rest/problems.list)
used=$(cat $(find core/server -name "*.c") | tr '\n' ' ' |
  grep -oE '(request_problem|send_problem|http_problem_response|refuse)\([^;"]*, *"[a-z-]+"' | grep -oE '"[a-z-]+"$' | tr -d '"' | sort -u)
unknown=$(for id in $used; do grep -qx "$id" <<< "$problems" || echo "$id"; done)
is "$unknown" "" "every problem that is answered with is in the catalogue"
unused=$(for id in $problems; do grep -lF "\"$id\"" $(find core/server -name "*.c") | grep -qv openapi.c || echo "$id"; done)
is "$unused" "" "every problem of the catalogue is answered with somewhere"
done_testing

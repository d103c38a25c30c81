#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# Who follows events over connections that break half way sees each event
# once, and is told when the server was started again.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq python3
. "$top_srcdir/tests/lib/engine.sh"
. "$top_srcdir/tests/lib/rest.sh"
server_init
server_start

# The TLS handshake alone takes some 3000 bytes.
"$top_srcdir/tests/lib/cutting-relay" "$tls_port" 5000 61 > "$TEST_DIR/relay" 2>&1 &
relay=$!
at_exit 'stop "$relay"'
wait_line "$TEST_DIR/relay" '^[0-9]+$' 10 || bail "$(cat "$TEST_DIR/relay")"
export SLIPWAY_CA=$state/site/ca.pem SLIPWAY_TOKEN_FILE=$state/admin-token
SLIPWAY_SERVER=127.0.0.1:$(head -n 1 "$TEST_DIR/relay") \
  "$run" slipway event follow --json --after 0 > "$TEST_DIR/followed" 2> "$TEST_DIR/said" &
follower=$!
at_exit 'stop "$follower"'
wait_line "$TEST_DIR/followed" '"event":"server-started"' 20 || bail "$(cat "$TEST_DIR/said")"

# A host that changes its labels again and again; each reply has the next ETag.
send POST /api/v1/hosts '{"name": "busy", "macs": ["52:54:00:00:00:01"]}'
tag=$(etag)
for i in $(seq 60); do
  send PATCH /api/v1/hosts/busy "{\"labels\": {\"round\": \"$i\", \"text\": \"$(printf '%0100d' "$i")\"}}" -H "If-Match: $tag"
  tag=$(etag)
done
send POST /api/v1/tokens '{"name": "last", "scope": "viewer"}'
ok "the last event arrives" wait_line "$TEST_DIR/followed" '"event":"token-created"' 60
cuts=$(grep -c cut "$TEST_DIR/relay")
ok "over $cuts broken connections" [ "$cuts" -ge 3 ]
newest=$(jq -s 'last.number' "$TEST_DIR/followed")
is "$(jq -s --argjson n "$newest" '[.[].number] == [range(1; $n + 1)]' "$TEST_DIR/followed")" true \
  "no event is lost or doubled"
call GET '/api/v1/events/list?limit=1000'
is "$(jq -S -c '.items[]' <<< "$body")" "$(cat "$TEST_DIR/followed")" "and each is the one that the list has"

# A server that is started again.
server_kill
ok "who follows says that it waits" wait_line "$TEST_DIR/said" 'does not answer, trying again' 20
server_start
ok "and learns that the server was started again" wait_line "$TEST_DIR/followed" '"event":"gap".*"reason":"restarted"' 30
send POST /api/v1/tokens '{"name": "again", "scope": "viewer"}'
wait_line "$TEST_DIR/followed" "$(jq -r .id <<< "$body")" 30
is "$(jq -s -c '[.[] | select(.event == "gap" or .event == "server-started") | .event]' "$TEST_DIR/followed")" \
  '["server-started","gap","server-started"]' "and what happened since"

# What the stream itself says.
stream () {
  curl -sN --max-time "$1" --cacert "$state/site/ca.pem" -H "Authorization: Bearer $token" "${@:2}" \
    "https://127.0.0.1:$tls_port/api/v1/events"
}
like "$(stream 1)" '^id: [0-9a-f]{16}-[0-9]+$' "who begins now gets an id to come back with"
run_id=$(stream 1 | sed -n 's/^id: \(.*\)-.*/\1/p')
like "$(stream 1 -H "Last-Event-ID: $run_id-0" | grep -m 1 '^id: ')" "$run_id-1" "and goes on after the one it names"
like "$(stream 1 -H 'Last-Event-ID: 0123456789abcdef-7')" '"after":"0123456789abcdef-7".*' "an id of another run is told back"
call GET /api/v1/events -H "Last-Event-ID: $run_id-9999999"; problem invalid 422 "an id that is yet to come"
call GET '/api/v1/events?after=x'; problem invalid 422 "what is no id"
done_testing

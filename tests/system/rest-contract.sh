#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# REST is what its OpenAPI document says: every route is called with every
# role, and each reply compared with what the document promises.  The server
# checks its own replies too (debug.check_replies).
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq /usr/bin/python3
/usr/bin/python3 -c 'import jsonschema' 2> /dev/null || skip_all "python3-jsonschema is not installed"
. "$top_srcdir/tests/lib/engine.sh"
. "$top_srcdir/tests/lib/rest.sh"

# A step's result and an inventory can only come from an engine.
server_init
server_start
truncate -s 1M "$TEST_DIR/disk.img"
add_host lab-01
add_profile look '[{"action":"inventory"}]'
start_task look
run_engine --disk "$TEST_DIR/disk.img"
approve
engine_end
is "$engine_status" 0 "an engine has made an inventory"
export SLIPWAY_SERVER=127.0.0.1:$tls_port SLIPWAY_CA=$state/site/ca.pem SLIPWAY_TOKEN_FILE=$state/admin-token
ok "and its task is over" "$run" slipway batch wait "$(json "$TEST_DIR/task.json" .id)"
# One that waits for its approval, for the list and for the approval itself.
start_task look
run_engine --disk "$TEST_DIR/disk.img"
wait_line "$TEST_DIR/engine.err" 'slipway host approve' 20 || bail "$(cat "$TEST_DIR/engine.err")"
code=$(sed -n "s/.*slipway host approve [^ ]* '\(.*\)'.*/\1/p" "$TEST_DIR/engine.err")

ok "the document is written without a server" sh -c '"$1" slipwayd openapi > "$2"' sh "$run" "$TEST_DIR/openapi.json"
call GET /api/v1/openapi.json
is "$body" "$(cat "$TEST_DIR/openapi.json")" "and is the one that is served"
tag=$(etag)
call GET /api/v1/openapi.json -H "If-None-Match: $tag"
is "$status $body" "304 " "who has it already is told so"
call GET /api/v1/openapi.json -H 'If-None-Match: "other"'
is "$status $(etag)" "200 $tag" "who has another one gets it"

for role in viewer operator admin; do
  send POST /api/v1/tokens "{\"name\": \"$role\", \"scope\": \"$role\"}"
  jq -r .token <<< "$body" > "$TEST_DIR/token-$role"
done
token=$(cat "$TEST_DIR/token-operator")
/usr/bin/python3 "$top_srcdir/tests/lib/rest-contract" --document "$TEST_DIR/openapi.json" \
  --port "$tls_port" --ca "$state/site/ca.pem" --tokens "$TEST_DIR" --code "$code" > "$TEST_DIR/contract.tap"
contract=$?
while IFS= read -r line; do
  case $line in
    ok\ *) pass "${line#ok }" ;;
    not\ ok\ *) fail "${line#not ok }" ;;
    *) diag "$line" ;;
  esac
done < "$TEST_DIR/contract.tap"
is "$contract" 0 "every route has a case, and every case a route"
not_ok "the server found no fault with its replies" grep -F 'breaks its promise' "$TEST_DIR/slipwayd.log"
done_testing

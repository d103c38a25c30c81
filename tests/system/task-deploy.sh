#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A task by REST and a real engine as a process: approved by the code on its
# console, run, and everything that can be asked about it afterwards.  No root,
# no network but loopback.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq

cat > "$TEST_DIR/slipwayd.json" <<JSON
{"state_dir": "$TEST_DIR/state", "address": "127.0.0.1", "ports": {"tls": 0, "http": 0}}
JSON
"$run" slipwayd init --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
  bail "init: $(cat "$TEST_DIR/init.log")"
"$run" slipwayd run --config "$TEST_DIR/slipwayd.json" \
  > "$TEST_DIR/ready" 2> "$TEST_DIR/server.log" < /dev/null &
server=$!
at_exit 'stop "$server"'
wait_line "$TEST_DIR/ready" '^ready' 30 || bail "$(tail "$TEST_DIR/server.log")"
tls=127.0.0.1:$(sed -n 's/.*tls=\([0-9]*\).*/\1/p' "$TEST_DIR/ready")
url=https://$tls/api/v1
token=$(cat "$TEST_DIR/state/admin-token")
# api METHOD PATH [JSON]: the reply's body.
api () {
  curl -sS --cacert "$TEST_DIR/state/site/ca.pem" -H "Authorization: Bearer $token" \
    -X "$1" ${3:+-H 'Content-Type: application/json' -d "$3"} "$url/$2"
}
status () { curl -sS -o /dev/null -w '%{http_code}' --cacert "$TEST_DIR/state/site/ca.pem" \
  -H "Authorization: Bearer $token" -X "$1" ${3:+-H 'Content-Type: application/json' -d "$3"} "$url/$2"; }

cat > "$TEST_DIR/facts.json" <<JSON
{"uuid": "", "serial": "S1", "vendor": "ACME", "product": "Test", "firmware": "uefi",
 "macs": ["52:54:00:00:00:01"]}
JSON
api POST hosts '{"name": "lab-01", "macs": ["52:54:00:00:00:01"]}' > "$TEST_DIR/host"
is "$(jq -r .name "$TEST_DIR/host")" lab-01 "a host is registered"

# What a start refuses.
inventory='{"name": "look", "steps": [{"action": "inventory"}]}'
is "$(status POST profiles "$inventory")" 201 "a profile is stored"
like "$(api POST tasks '{"profile": "other", "select": {"hosts": ["lab-01"]}}')" \
  "there is no profile 'other'" "an unknown profile is named"
like "$(api POST tasks '{"profile": "look", "select": {"hosts": ["lab-01", "lab-02", "x"]}}')" \
  "2 of the hosts are not known: 'lab-02', 'x'" "so are all unknown hosts"
is "$(status POST tasks '{"profile": "look", "select": {}}')" 422 "a selection is needed"
like "$(api POST profiles '{"name": "bad", "steps": [{"action": "inventory", "with": {"x": 1}}]}')" \
  '\$\.steps\[0\]\.with' "a parameter that is not declared is named by its path"

# engine ARGS...: starts one; its console is the file `console`.
engine () {
  "$run" slipway-engine run --trust "$TEST_DIR/state/site/trust.json" --server "$tls" \
    --facts "$TEST_DIR/facts.json" "$@" > "$TEST_DIR/console" 2>&1 < /dev/null &
  engine=$!
}
# start PROFILE: starts it on lab-01 and sets `task`.
start () {
  api POST tasks "{\"profile\": \"$1\", \"select\": {\"hosts\": [\"lab-01\"]}}" > "$TEST_DIR/batch"
  task=$(jq -r '.tasks[0].task' "$TEST_DIR/batch")
}
wait_state () { # STATE: waits for the event that tells it
  wait_line "$TEST_DIR/events" "\"state\": *\"$1\".*$task|$task.*\"state\": *\"$1\"" 60
}
curl -sSN --cacert "$TEST_DIR/state/site/ca.pem" -H "Authorization: Bearer $token" \
  "$url/events" > "$TEST_DIR/events" 2> /dev/null &
at_exit "stop $!"

start look
wait_state armed
is "$(api GET "tasks/$task" | jq -r .state)" armed "a started task is armed"
is "$(status POST tasks '{"profile": "look", "select": {"hosts": ["lab-01"]}}')" 409 \
  "a second one for the host is refused"
is "$(status DELETE "hosts/$(jq -r .id "$TEST_DIR/host")")" 428 "deleting a host needs If-Match"

engine
wait_line "$TEST_DIR/events" session-pending 30 || bail "$(cat "$TEST_DIR/console")"
wait_line "$TEST_DIR/console" 'slipway host approve' 10
code=$(sed -n "s/.*slipway host approve [^ ]* '\([a-z ]*\)'.*/\1/p" "$TEST_DIR/console" | head -n 1)
is "$(status POST hosts/lab-01/approve '{"code": "no such code here"}')" 404 "a wrong code is refused"
is "$(status POST hosts/lab-01/approve "{\"code\": \"$code\"}")" 204 "the code on the console is approved"
ok "the task succeeds" wait_state succeeded
wait "$engine"
is "$(api GET "tasks/$task" | jq -r '.steps[0].state')" done "its step is done"
is "$(api GET "tasks/$task/steps/0/result" | jq -r .vendor)" ACME "the step's result can be read"
is "$(api GET hosts/lab-01/inventory | jq -r .product)" Test "it is the host's inventory"
is "$(api GET hosts/lab-01 | jq -r .facts.vendor)" ACME "the host knows its vendor"
is "$(api GET "batches/$(jq -r .id "$TEST_DIR/batch")" | jq -r '.tasks[0].state')" succeeded \
  "the batch tells the state of its task"
is "$(api GET 'tasks?state=succeeded' | jq -r '.items[0].id')" "$task" "the list finds it"

# Cancelled before a machine came.
start look
wait_state armed
is "$(api POST "tasks/$task/cancel" | jq -r .state)" cancelled "an armed task is cancelled at once"
is "$(status POST "tasks/$task/cancel")" 404 "and cannot be cancelled again"
engine
wait "$engine"
is $? 0 "an engine without a task leaves"

done_testing

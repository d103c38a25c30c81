#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# The engine finds its server by DHCPINFORM and redeems its ticket; a ticket
# that somebody else uses as well freezes both.  Server and engine stand in
# network namespaces of their own, joined by one cable.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires_root
requires curl jq ip python3

lab_up
cabled_target

use_fixtures hang
server_members='"interfaces": ["br0"], "dhcp": {"netmask": "255.255.255.0", "lease_time": "1h",
  "pools": [{"first": "'$lab_network.100'", "last": "'$lab_network.199'"}]}'
server_init
server_start

run_engine --interface eth0
engine_end
like "$(screen)" 'starts its own disk' "an unknown machine starts its own disk"

add_host lab-01
add_profile hang '[{"action":"hang"}]'
add_profile inventory '[{"action":"inventory"}]'
run_engine --interface eth0
engine_end
is "$engine_status" 0 "without a task there is nothing to do"
like "$(screen)" 'starts its own disk' "and the machine starts its disk"

# One ticket, two keys: the first engine is in the middle of its task.
start_task hang
ticket=$(ip netns exec "$target" "$top_srcdir/tests/lib/dhcp-client" eth0 "$host_mac" inform "$lab_network.50" |
  jq -r '.ticket')
like "$ticket" '^[A-Za-z0-9_-]{43}$' "the armed task has a ticket"
run_engine --ticket "$ticket"
wait_line "$TEST_DIR/engine.err" 'step 1 of 1' 30
first=$engine_pid
mv "$TEST_DIR/engine.err" "$TEST_DIR/first.err"
run_engine --ticket "$ticket"
engine_end
is "$engine_status" 1 "a ticket that is used with another key is refused"
like "$(screen)" 'TROUBLE: .*ticket' "and the thief's console says so"
wait "$first"
is $? 1 "the engine that had it first is stopped too"
is "$(task_get .code)" ticket-alarm "the task has failed for that"
api GET /events/list | grep -q ticket-alarm && pass "an event raises the alarm" || fail "an event raises the alarm"

start_task inventory
run_engine --interface eth0
engine_end
is "$engine_status" 0 "with a ticket of its own the engine has a session"
like "$(task_get .state)" '^(leaving|succeeded)$' "the task is done without an approval"
like "$(screen)" "server +$lab_address:$tls_port" "the console names the server that was found"
done_testing

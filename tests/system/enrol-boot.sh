#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# What the firmware of an unknown machine is told: its own disk, and the engine
# while enrolment is open.  The engine finds its server by DHCPINFORM and has no
# ticket.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires_root
requires curl jq ip python3

lab_up
cabled_target
server_members='"interfaces": ["br0"], "dhcp": {"netmask": "255.255.255.0", "lease_time": "1h",
  "pools": [{"first": "'$lab_network.100'", "last": "'$lab_network.199'"}]}'
server_init
server_start
firmware () { # MAC: the boot file that it is told
  ip netns exec "$target" "$top_srcdir/tests/lib/dhcp-client" eth0 "$1" boot | jq -r .file
}

# A build of noise is published like any other.
head -c 3000000 /dev/urandom > "$TEST_DIR/engine.efi"
digest=$(sha256sum < "$TEST_DIR/engine.efi" | cut -c1-64)
trust=$(sha256sum < "$state/site/trust.json" | cut -c1-64)
"${server_in[@]}" curl -sS --cacert "$state/site/ca.pem" -H "Authorization: Bearer $(cat "$state/admin-token")" \
  -H 'Content-Type: application/octet-stream' -T "$TEST_DIR/engine.efi" \
  "https://$server_address:$tls_port/api/v1/engines/files/$digest" > "$TEST_DIR/upload.json"
api POST /engines "{\"machine\": \"x86_64\", \"version\": \"1\", \"trust_sha256\": \"$trust\",
  \"files\": [{\"role\": \"engine\", \"length\": 3000000, \"sha256\": \"$digest\"}]}" > "$TEST_DIR/build.json"

is "$(firmware "$host_mac")" local-x64.efi "an unknown machine is sent to its disk"
api POST /enrol/open '{"for_s": 600}' > /dev/null
like "$(firmware 52:54:00:00:00:77)" '^engine-x86_64-' "while enrolment is open it is told the engine"
like "$(grep 'DHCP ACK' "$TEST_DIR/slipwayd.log" | tail -n 1)" 'unknown machine while enrolment is open' "and the log says why"

run_engine --interface eth0
wait_line "$TEST_DIR/engine.err" "slipway host approve '" 20 || bail "$(cat "$TEST_DIR/engine.err")"
code=$(sed -n "s/.*slipway host approve '\(.*\)' --name NAME.*/\1/p" "$TEST_DIR/engine.err")
pass "the engine finds its server without a ticket and shows a code"
api POST /enrol/approve "{\"code\": \"$code\", \"name\": \"lab-01\"}" > "$TEST_DIR/host.json"
is "$(json "$TEST_DIR/host.json" '.macs[0]')" "$host_mac" "by which it becomes a host"
engine_end
is "$engine_status" 0 "it leaves for its disk"
is "$(firmware "$host_mac")" local-x64.efi "where it is sent as a host without a task"
api POST /enrol/close > /dev/null
is "$(firmware 52:54:00:00:00:78)" local-x64.efi "after the window unknown machines are sent to their disk"
done_testing

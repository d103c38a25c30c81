#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# The neighbours that a real LLDP sender at the other end of the cable makes.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires_root
requires curl jq ip lldpd python3

lab_up
cabled_target
server_init
server_start
add_host lab-01
add_profile look '[{"action": "inventory", "with": {"lldp_wait_s": 60}}]'
jq -n --arg mac "$host_mac" '{machine: "x86_64", firmware: {kind: "uefi"}, disks: [],
  ports: [{name: "eth0", mac: $mac, link: true}]}' > "$facts"
start_task look
run_engine
approve
# The switch is plugged in.  Its part without privileges must reach the socket,
# and it speaks every second, as it may have spoken before anybody listened.
chmod 711 "$TEST_DIR"
start_logged lldpd ip netns exec "$lab" lldpd -d -u "$TEST_DIR/lldpd.socket" -I cable -S "Switch of the laboratory" -P plain
wait_line "$TEST_DIR/lldpd.log" 'should resume' 30 || bail "lldpd does not start"
in_lab lldpcli -u "$TEST_DIR/lldpd.socket" configure lldp tx-interval 1 > /dev/null || bail "lldpd does not listen"
engine_end
is "$engine_status" 0 "the machine is inventoried"
api GET /hosts/lab-01/inventory > "$TEST_DIR/inventory.json"
ok "as the schema says" valid_inventory "$TEST_DIR/inventory.json"
neighbour=$(jq -c '.ports[0].neighbours[0]' "$TEST_DIR/inventory.json")
diag "$neighbour"
is "$(jq -r '"\(.port_kind) \(.port)"' <<< "$neighbour")" "mac $(ip netns exec "$lab" cat /sys/class/net/cable/address)" \
  "the neighbour's port is the other end of the cable"
like "$(jq -r .system_description <<< "$neighbour")" 'Switch of the laboratory' "and it has said what it is"
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# Unknown machines: outside of the enrolment window they are sent to their
# disk; inside, the engine shows a code, and an admin makes the machine a host
# by it, across a kill of the server.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires curl jq

mkdir "$TEST_DIR/names"
printf '1af4  A maker\n\t1041  A card\n' > "$TEST_DIR/names/pci.ids"
server_members+=", \"device_names_dir\": \"$TEST_DIR/names\""
server_init
server_start
uuid=12345678-1234-5678-9abc-123456789abc
cat > "$facts" <<END
{"machine": "x86_64", "firmware": {"kind": "uefi"},
 "system": {"vendor": "Maker", "product": "Box 1", "serial": "SN-7", "uuid": "$uuid"},
 "ports": [{"name": "eth0", "mac": "$host_mac", "link": true}, {"name": "eth1", "mac": "52:54:00:12:34:57", "link": false}],
 "pci": [{"address": "0000:00:03.0", "class": "020000", "vendor_id": "1af4", "device_id": "1041"}]}
END
truncate -s 64M "$TEST_DIR/disk.img"
code () {
  wait_line "$TEST_DIR/engine.err" 'slipway host approve' 20 || bail "$(cat "$TEST_DIR/engine.err")"
  sed -n "s/.*slipway host approve '\(.*\)' --name NAME.*/\1/p" "$TEST_DIR/engine.err"
}

is "$(slipway enrol show --json | jq .open)" false "enrolment is closed at first"
run_engine --disk "$TEST_DIR/disk.img"
engine_end
is "$engine_status $(json "$TEST_DIR/engine.out" .method)" "0 firmware" "an unknown machine is sent to its disk"

not_ok "a window needs a sensible time" slipway enrol open --for 2s
ok "enrolment is opened" slipway enrol open --for 10m
is "$(slipway enrol show --json | jq -r '"\(.open) \(.until_s - .opened_s)"')" "true 600" "for the time that was said"
server_kill
server_start
is "$(slipway enrol show --json | jq .open)" true "a kill of the server does not close it"

run_engine --disk "$TEST_DIR/disk.img"
words=$(code)
like "$words" '^[a-z]+ [a-z]+ [a-z]+ [a-z]+$' "the engine shows a code"
like "$(screen)" 'Nobody has registered this machine' "and why"
is "$(slipway host pending --json | jq -r '[.. | objects | select(.session?)][0] | "\(.unknown) \(.product) \(.serial)"')" "true Box 1 SN-7" \
  "the list of who waits says what it is"
server_kill
server_start
not_ok "a wrong code makes no host" slipway host approve 'wrong wrong wrong wrong' --name lab-07
like "$(cat "$TEST_DIR/ok.out")" "compare it with the machine's screen" "and is refused with a sentence"
ok "the right one does" slipway host approve "$words" --name lab-07 --label room=12 --tier console
engine_end
is "$engine_status $(json "$TEST_DIR/engine.out" .method)" "0 firmware" "the machine goes to its disk"
slipway host show lab-07 --json > "$TEST_DIR/host.json"
is "$(json "$TEST_DIR/host.json" '"\(.macs | sort | join(" ")) \(.uuid) \(.tier) \(.labels.room)"')" \
  "$host_mac 52:54:00:12:34:57 $uuid console 12" "the host has the names that the machine has told"
is "$(json "$TEST_DIR/host.json" '"\(.facts.vendor) \(.facts.product) \(.facts.serial)"')" "Maker Box 1 SN-7" "and its facts"
is "$(slipway host inventory lab-07 --json | jq '.disks[0].size_bytes')" 67108864 "and its inventory"
is "$(slipway host inventory lab-07 --json | jq -r '.pci[0].device_name')" "A card" "with the names of its devices"

run_engine --disk "$TEST_DIR/disk.img"
engine_end
like "$(screen)" 'nothing to do' "as a host without a task it is sent to its disk, window or not"
ok "enrolment is closed" slipway enrol close
is "$(slipway enrol show --json | jq .open)" false "and that is shown"
audit () { slipway audit list --json | jq "[.. | objects | select(.action? == \"$1\")] | length"; }
is "$(audit enrol.open) $(audit enrol.approve) $(audit enrol.close)" "1 1 1" "the audit log has all three"
done_testing

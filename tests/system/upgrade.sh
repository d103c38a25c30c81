#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# A site of the first release, killed in the middle of a task, goes on under
# this one: tests/system/upgrade/state-0.1.0.tar.xz is its state folder, made
# by make-state beside it.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires_root
requires curl jq ip python3 xz

lab_up
cabled_target
use_fixtures good
machine=$(ls "$TEST_DIR/plugins")
good=$TEST_DIR/plugins/$machine/action/good.so
printf '\0' >> "$good" # another file than the one that was enabled
server_members='"interfaces": ["br0"], "dhcp": {"netmask": "255.255.255.0", "lease_time": "1h",
  "pools": [{"first": "'$lab_network.100'", "last": "'$lab_network.199'"}]}'
mkdir -m 700 "$state"
tar -C "$state" -xJf "$top_srcdir/tests/system/upgrade/state-0.1.0.tar.xz"
machine_facts "$host_mac" > "$facts"
at_exit server_stop
records=$(wc -l < "$state/audit.log")
# plugins FILTER: of the listing; enabled: which are usable.
plugins () { api GET /plugins | jq -c "$1"; }
usable () { plugins '[.items[] | select(.kind != "store" and .enabled and (has("problem") | not)) | .name] | sort'; }

# Without the upgrade of its plugins it starts, uses none and says what to do.
server_start
is "$(usable)" '[]' "the plugins of this release are not what was enabled"
like "$(cat "$TEST_DIR/slipwayd.log")" "slipwayd upgrade-plugins --config $TEST_DIR/slipwayd.json" "the daemon names the command"
task=$(api GET /tasks | jq -r '.items[0].id')
is "$(task_get '"\(.state) \(.step)"')" "running 1" "the task still runs in its second step"
not_ok "upgrade-plugins does not run beside the daemon" "$run" slipwayd upgrade-plugins --config "$TEST_DIR/slipwayd.json"
server_kill

ok "upgrade-plugins" "$run" slipwayd upgrade-plugins --config "$TEST_DIR/slipwayd.json"
upgraded=$(tail -n "+$((records + 1))" "$state/audit.log" | jq -r 'select(.action == "plugin-enable") | .target' | sort | tr '\n' ' ')
is "$upgraded" "plugin/action/install plugin/action/inventory plugin/arch/x86-uefi plugin/transport/unicast " \
  "each is enabled again with a record of its own"
ok "a second time" "$run" slipwayd upgrade-plugins --config "$TEST_DIR/slipwayd.json"
is "$(tail -n "+$((records + 1))" "$state/audit.log" | grep -c plugin-enable)" 4 "there is nothing left to do"

server_start
is "$(usable)" '["install","inventory","unicast","x86-uefi"]' "exactly what was enabled and is ours is used"
is "$(plugins '.items[] | select(.name == "mtftp") | .enabled')" false "what was disabled stays so"
like "$(plugins '.items[] | select(.name == "good") | .problem')" 'not the one that was enabled' "a vendor's own stays refused"

# The machine starts again, as it does when its engine was lost.
boot=$(ip netns exec "$target" "$top_srcdir/tests/lib/dhcp-client" eth0 "$host_mac" boot)
is "$(task_get '"\(.state) \(.attempt)"')" "armed 2" "the machine's start arms the task again"
diag "it is told to boot '$(jq -r .file <<< "$boot")'"
truncate -s 64M "$TEST_DIR/target.img"
run_engine --interface eth0 --disk "$TEST_DIR/target.img"
engine_end
is "$engine_status" 0 "an engine of this release takes it over"
like "$(task_get .state)" '^(leaving|succeeded)$' "and the task that was begun before succeeds"
is "$(task_get '[.steps[].state] | join(" ")')" "done done" "with both of its steps"
is "$(sfdisk --json "$TEST_DIR/target.img" | jq '.partitiontable.partitions | length')" 2 "the old release's image is on the disk"
api GET /hosts/lab-01/inventory > "$TEST_DIR/inventory.json"
is "$(jq -r '.disks[0].size_bytes' "$TEST_DIR/inventory.json")" 67108864 "and the machine is inventoried"
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# A whole deployment with the engine as a process: inventory, install with a
# server that is killed in the middle of it, verified, personalised, reported.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
PATH=$PATH:/sbin:/usr/sbin
requires curl jq sfdisk mke2fs e2fsck debugfs cmp

image=$TEST_DIR/image.raw disk=$TEST_DIR/disk.img
server_init
server_start
make_disk_image "$image" 24M
import_image tiny "$image"
rm -rf "$TEST_DIR/root"
add_host lab-01
add_profile whole '[{"action":"inventory"},
  {"action":"install","with":{"image":"tiny","disk":{"select":"only","min":"32 MiB"},
                              "hostname":"{{host.name}}","marker":"marked by a test",
                              "users":[{"name":"ada","sudo":true}],
                              "network":[{"mac":"{{host.mac}}","dhcp":true}]}}]' boot-disk
start_task whole
truncate -s 96M "$disk"
run_engine --disk "$disk"
approve
wait_line "$TEST_DIR/engine.err" 'install \[' 30
server_kill
wait_line "$TEST_DIR/engine.err" 'does not answer|cut|all steps are done' 30
server_start
engine_end
is "$engine_status" 0 "the engine ends well although its server was killed"
is "$(json "$TEST_DIR/engine.out" .method)" firmware "it would leave through the firmware"
is "$(json "$TEST_DIR/engine.out" .disk)" "$disk" "and names the disk"
# Each look is a request; half of the 30 s is the limit.
ended=$SECONDS
until [ "$(task_get .state)" = succeeded ] || [ $((SECONDS - ended)) -gt 15 ]; do :; done
is "$(task_get .state)" succeeded "the task has succeeded when its engine is gone, and not 30 s later"
is "$(task_get '.attempt')" 1 "in the first attempt"

result=$TEST_DIR/result.json
api GET "/tasks/$task/steps/0/result" | jq -e '.disks[0].size_bytes == 100663296' > /dev/null &&
  pass "the inventory lists the disk" || fail "the inventory lists the disk"
api GET "/tasks/$task/steps/1/result" > "$result"
is "$(json "$result" .image)" tiny "the result names the image"
is "$(json "$result" '[.images[].operation] | join(" ")')" "write verify" "it was written and compared"

# Outside of the ranges that were reported, the disk is the image.
cp "$image" "$TEST_DIR/expected.raw"
jq -r '.personalised[].ranges[] | "\(.[0]) \(.[1])"' "$result" | while read -r offset length; do
  dd if="$disk" of="$TEST_DIR/expected.raw" bs=512 skip=$((offset / 512)) seek=$((offset / 512)) \
    count=$(((length + 511) / 512)) conv=notrunc status=none
done
ok "every byte outside of the reported ranges is the image's" \
  cmp -n "$(stat -c %s "$image")" "$disk" "$TEST_DIR/expected.raw"
not_ok "and inside of them something was changed" cmp -s -n "$(stat -c %s "$image")" "$disk" "$image"
root_of "$disk" "$TEST_DIR/root.ext4"
ok "the file system is clean" e2fsck -fn "$TEST_DIR/root.ext4"
is "$(debugfs -R 'cat /etc/hostname' "$TEST_DIR/root.ext4" 2> /dev/null)" lab-01 "it has its host name"
is "$(debugfs -R 'cat /etc/slipway-marker' "$TEST_DIR/root.ext4" 2> /dev/null)" "marked by a test" "and its marker"
seed () { debugfs -R "cat /var/lib/cloud/seed/nocloud/$1" "$TEST_DIR/root.ext4" 2> /dev/null; }
is "$(seed meta-data | jq -r '.["local-hostname"]')" lab-01 "cloud-init's seed has the host name"
is "$(seed user-data | tail -n 1 | jq -r '.users[1].name')" ada "and the user"
is "$(seed network-config | jq -r '.ethernets.port0.match.macaddress')" "$host_mac" "and the network port"
like "$(debugfs -R 'stat /var/lib/cloud/seed/nocloud/user-data' "$TEST_DIR/root.ext4" 2> /dev/null)" 'Mode: +0600' "which only root can read"
done_testing

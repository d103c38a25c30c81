#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 240
# The engine dies in the middle of an install and the machine boots again: the
# next attempt neither fetches nor reads what a checkpoint vouches for.  Where
# the disk is no longer what the checkpoint says, all of it is read again.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires_root
requires curl jq ip cmp pgrep python3

lab_up
cabled_target
server_members='"interfaces": ["br0"], "dhcp": {"netmask": "255.255.255.0", "lease_time": "1h",
  "pools": [{"first": "'$lab_network.100'", "last": "'$lab_network.199'"}]}'
server_init
server_start
image=$TEST_DIR/image.raw disk=$TEST_DIR/disk.img total=$((300 * 1024 * 1024))
head -c $total /dev/urandom > "$image"
import_image large "$image"
add_host lab-01
add_profile whole '[{"action":"install","with":{"image":"large","disk":{"select":"only"}}}]'

# The install is stopped in the middle, so that a fast machine is not done
# before it is killed; then the machine boots again.
cut_install () {
  local begin round
  start_task whole
  rm -f "$disk"
  truncate -s 400M "$disk"
  run_engine --disk "$disk" --interface eth0 --verbose
  ok "the install has begun" "$top_srcdir/tests/lib/wait-text" "$TEST_DIR/engine.err" 0 "MiB of 300.0 MiB" 60
  mapfile -t workers < <(pgrep -P "$slipwayd_pid")
  kill -STOP "${workers[@]}"
  for round in 1 2; do # the first one may have been on its way
    begin=$(wc -c < "$TEST_DIR/engine.err")
    ok "the server has a checkpoint, $round" "$top_srcdir/tests/lib/wait-text" "$TEST_DIR/engine.err" "$begin" ", checkpoint" 30
  done
  kill -9 "$engine_pid"
  wait "$engine_pid" 2> /dev/null
  kill -CONT "${workers[@]}"
  not_ok "the disk is not the image yet" cmp -s -n $total "$disk" "$image"
}
boot_again () {
  ip netns exec "$target" "$top_srcdir/tests/lib/dhcp-client" eth0 "$host_mac" boot > "$TEST_DIR/boot.json"
  run_engine --disk "$disk" --interface eth0
  engine_end
  is "$engine_status" 0 "the next engine ends well"
  is "$(task_get .attempt)" 2 "in the second attempt"
  is "$(task_get .state)" succeeded "which succeeds"
  ok "the disk is the image" cmp -n $total "$disk" "$image"
  api GET "/tasks/$task/steps/0/result" | jq -c .images > "$TEST_DIR/result.json"
  diag "$(cat "$TEST_DIR/result.json")"
}

cut_install
boot_again
ok "what the checkpoint vouches for was not read again" jq -e --argjson total $total \
  '.[0] | .operation == "write" and .bytes_compared < $total - 1048576' "$TEST_DIR/result.json"
ok "and not fetched again" jq -e --argjson total $total '.[0].bytes_fetched < $total - 1048576' "$TEST_DIR/result.json"
ok "all of it was kept" jq -e '.[0] | .bytes_kept + .bytes_compared >= .bytes_total' "$TEST_DIR/result.json"

# As when the power goes while the last partition grows, or a disk loses what
# it said to have stored.
cut_install
head -c 4096 /dev/urandom | dd of="$disk" bs=4096 conv=notrunc status=none
boot_again
ok "all of it was read and the one chunk written" jq -e --argjson total $total \
  'map(.operation) == ["write", "write", "verify"] and .[1].bytes_compared == $total' "$TEST_DIR/result.json"
like "$(cat "$TEST_DIR/engine.err")" "is not what the attempt before had told" "and the console says why"
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 240
# The cable is pulled in the middle of an install: the console says what is
# wrong, and with the cable back the deployment goes on where it was.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires_root
requires curl jq ip cmp

lab_up
cabled_target

server_init
server_start
image=$TEST_DIR/image.raw disk=$TEST_DIR/disk.img
head -c 600M /dev/urandom > "$image"
import_image large "$image"
add_host lab-01
add_profile whole '[{"action":"install","with":{"image":"large","disk":{"select":"only"}}}]'
start_task whole
truncate -s 700M "$disk"
run_engine --disk "$disk"
approve
# The bar is one line that is never ended: its first bytes are waited for.
ok "the install has begun" "$top_srcdir/tests/lib/wait-text" "$TEST_DIR/engine.err" 0 "MiB of 600.0 MiB" 60
in_lab ip link set cable down
ok "the console says that the server does not answer" "$top_srcdir/tests/lib/wait-text" "$TEST_DIR/engine.err" 0 TROUBLE 90
is "$(task_get .state)" running "the task is still running"
in_lab ip link set cable up
engine_end
is "$engine_status" 0 "with the cable back the engine ends well"
is "$(task_get .attempt)" 1 "in its first attempt"
like "$(task_get .state)" '^(leaving|succeeded)$' "the task is done"
ok "the disk is the image" cmp -n "$(stat -c %s "$image")" "$disk" "$image"
done_testing

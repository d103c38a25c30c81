#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 200
# The server comes back with its objects on another port in the middle of an
# install: replies name it, and the transfer goes on there.  The plan knows
# only the first one.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
PATH=$PATH:/sbin:/usr/sbin
requires curl jq sfdisk mke2fs cmp pgrep

image=$TEST_DIR/image.raw disk=$TEST_DIR/disk.img
server_init
server_start
make_disk_image "$image" 24M
import_image tiny "$image"
add_host lab-01
add_profile whole '[{"action":"install","with":{"image":"tiny","disk":{"select":"only"}}}]'
start_task whole
truncate -s 96M "$disk"
# No object comes from the first server, however fast this machine is.
mapfile -t workers < <(pgrep -P "$slipwayd_pid")
kill -STOP "${workers[@]}"
run_engine --disk "$disk"
approve
wait_line "$TEST_DIR/engine.err" 'install \[' 30
server_kill
kill -9 "${workers[@]}"
first=$http_port http_port=0
server_start
not_ok "the server has another port for objects" test "$http_port" = "$first"
engine_end
is "$engine_status" 0 "the engine ends well"
ok "and the disk is the image" cmp -n "$(stat -c %s "$image")" "$image" "$disk"
is "$(task_get '.attempt')" 1 "in the first attempt"
done_testing

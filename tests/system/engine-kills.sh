#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 400
# One deployment, and a server that is killed 30 times at random points of it.
# The seed is printed; SLIPWAY_SEED repeats a run.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires curl jq cmp

seed=${SLIPWAY_SEED:-$RANDOM}
RANDOM=$seed
diag "seed $seed"
kills=30
image=$TEST_DIR/image.raw disk=$TEST_DIR/disk.img
server_init
server_start
head -c 400M /dev/urandom > "$image"
import_image large "$image"
add_host lab-01
install='{"action":"install","with":{"image":"large","disk":{"select":"only"}}}'
add_profile whole "[{\"action\":\"inventory\"},$install,{\"action\":\"inventory\"},$install,{\"action\":\"inventory\"}]"
start_task whole
truncate -s 500M "$disk"
run_engine --disk "$disk"
approve
killed=0
# Random points need random times: nothing is waited for here.
while [ $killed -lt $kills ] && kill -0 "$engine_pid" 2> /dev/null; do
  timeout "0.$(printf %03d $((RANDOM % 200 + 20)))" tail -f /dev/null
  server_kill
  killed=$((killed + 1))
  server_start
done
diag "killed $killed times"
is "$killed" "$kills" "the one deployment has suffered all the kills"
engine_end
is "$engine_status" 0 "the engine ends well"
like "$(task_get .state)" '^(leaving|succeeded)$' "the task is done"
is "$(task_get .attempt)" 1 "in its first attempt"
is "$(api GET "/tasks/$task" | jq -r '[.steps[].state] | unique | join(" ")')" "done" "every step is done"
for step in 0 1 2 3 4; do
  ok "step $step has its result" jq -e '.type == null' <<< "$(api GET "/tasks/$task/steps/$step/result")"
done
ok "the disk is the image" cmp -n "$(stat -c %s "$image")" "$disk" "$image"
done_testing

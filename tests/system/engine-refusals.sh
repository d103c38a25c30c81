#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 240
# What an engine refuses, and what it says then: other sites, wrong clocks,
# wrong tickets, disks that do not fit, actions that crash or hang, cancels.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
PATH=$PATH:/sbin:/usr/sbin
requires curl jq sfdisk mke2fs

use_fixtures crash hang
server_init
server_start
make_disk_image "$TEST_DIR/image.raw" 1M
import_image tiny "$TEST_DIR/image.raw"
add_host lab-01
install='"action":"install","with":{"image":"tiny","disk":{"select":"only"}}'
add_profile install "[{$install}]"
add_profile crash '[{"action":"crash"},{"action":"inventory"}]'
add_profile hang '[{"action":"hang","timeout":"2s"}]'

refused () { # NAME PATTERN ENGINE-OPTION...
  local name=$1 pattern=$2; shift 2
  run_engine "$@"
  engine_end
  is "$engine_status" 1 "$name: the engine refuses"
  like "$(screen)" "$pattern" "$name: the console says why"
}
trust=$state/site/trust.json
jq '.ca_pins = ["1111111111111111111111111111111111111111111111111111111111111111"]' "$trust" > "$TEST_DIR/other.json"
refused "another CA" 'belongs to another site' --trust "$TEST_DIR/other.json"
refused "a clock of 2099" "this machine's clock says 2099" --clock-s 4070908800
refused "a wrong ticket" 'ticket' --ticket AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
run_engine --clock-s 60
engine_end
is "$engine_status" 0 "a clock of 1970 does not matter"

task_fails () { # NAME PROFILE PATTERN ENGINE-OPTION...
  local name=$1 profile=$2 pattern=$3; shift 3
  start_task "$profile"
  run_engine "$@"
  approve
  engine_end
  is "$engine_status" 0 "$name: the failure was reported"
  like "$(task_get .sentence)" "$pattern" "$name: the task says why"
  like "$(screen)" "TROUBLE: .*$pattern" "$name: the console says the same"
}
truncate -s 8M "$TEST_DIR/small.img"
truncate -s 96M "$TEST_DIR/large.img"
task_fails "no disk" install 'no disk at all'
task_fails "a small disk" install 'has 8 MiB and image .tiny. needs 64 MiB' --disk "$TEST_DIR/small.img"
task_fails "other sectors" install 'sectors of 4096 bytes' --sector-bytes 4096 --disk "$TEST_DIR/large.img"
task_fails "two disks" install '2 disks fit' --disk "$TEST_DIR/large.img" --disk "$TEST_DIR/small.img"
is "$(stat -c %b "$TEST_DIR/small.img" "$TEST_DIR/large.img" | sort -u)" 0 "no byte was written to any of them"
task_fails "a crash" crash "action 'crash' crashed in run"
is "$(api GET "/tasks/$task" | jq -r '[.steps[].state] | join(" ")')" "failed waiting" "only that step ran"
task_fails "a hang" hang 'did not end within its time limit of 2 s'

start_task hang
run_engine
approve
wait_line "$TEST_DIR/engine.err" 'step 1 of 1' 20
api POST "/tasks/$task/cancel" > /dev/null
engine_end
like "$(task_get .state)" '^cancel' "a cancelled task ends"
done_testing

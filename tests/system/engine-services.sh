#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# A vendor's action reads a blob of the site and runs a program.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires curl jq

use_fixtures services
server_init
server_start
printf 'firmware of a card' > "$TEST_DIR/blob"
import_image card-firmware "$TEST_DIR/blob" blob
truncate -s 1M "$TEST_DIR/disk.img"
add_host lab-01
add_profile vendor '[{"action":"services","with":{"what":"blob","blob":"card-firmware"}},
  {"action":"services","with":{"what":"command"}}]'
start_task vendor
run_engine --disk "$TEST_DIR/disk.img"
approve
engine_end
is "$engine_status" 0 "the task is done"
is "$(api GET "/tasks/$task/steps/0/result" | jq -r .blob)" "firmware of a card" "the action has read its blob"
is "$(api GET "/tasks/$task/steps/1/result" | jq -r .status)" 7 "and has run a program"
done_testing

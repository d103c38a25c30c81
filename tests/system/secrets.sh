#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 200
# A secret reaches the disk of a machine that may have it, and is found nowhere
# else: not in the state folder, not in a log, not in a reply.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
PATH=$PATH:/sbin:/usr/sbin
requires curl jq sfdisk mke2fs debugfs

server_init
server_start
export SLIPWAY_SERVER=127.0.0.1:$tls_port SLIPWAY_CA=$state/site/ca.pem SLIPWAY_TOKEN_FILE=$state/admin-token
slipway () { "$run" slipway "$@"; }
value=secret-$(od -An -N12 -tx8 /dev/urandom | tr -d ' \n')
bad="not a name $value"
ok "a secret is set from a pipe" eval 'slipway secret set motd <<< "$value"'
ok "and another one" eval 'slipway secret set bad --min-tier network <<< "$bad"'
is "$(slipway secret list --json | jq -r '.items | map("\(.name) \(.min_tier)") | join(" ")')" "bad network motd console" "the list has names and tiers"
not_ok "a short one is refused" eval 'slipway secret set pin <<< 1234'
is "$(api GET /secrets/motd | jq -r 'keys | join(" ")')" "by changed_s min_tier name" "nothing gives a value"

make_disk_image "$TEST_DIR/image.raw"
import_image tiny "$TEST_DIR/image.raw"
add_host lab-01
add_profile marked '[{"action":"install","with":{"image":"tiny","disk":{"select":"only"},"marker":"{{secret.motd}}"}}]'
api POST /tasks '{"profile":"marked","select":{"hosts":["lab-01"]}}' > "$TEST_DIR/refused.json"
like "$(cat "$TEST_DIR/refused.json")" "secret 'motd' is only for machines of tier 'console' but host 'lab-01' has tier 'network'" \
  "a host of tier network is refused at the start"
add_profile unknown '[{"action":"install","with":{"image":"tiny","disk":{"select":"only"},"marker":"{{secret.nothing}}"}}]'
api POST /tasks '{"profile":"unknown","select":{"hosts":["lab-01"]}}' > "$TEST_DIR/refused.json"
like "$(cat "$TEST_DIR/refused.json")" "there is no secret 'nothing'" "so is a secret that there is not"

slipway host change lab-01 --tier console > "$TEST_DIR/host.txt"
truncate -s 64M "$TEST_DIR/disk.img"
start_task marked
run_engine --disk "$TEST_DIR/disk.img"
approve
engine_end
is "$engine_status" 0 "a machine of tier console gets it"
root_of "$TEST_DIR/disk.img" "$TEST_DIR/root.ext4"
is "$(debugfs -R 'cat /etc/slipway-marker' "$TEST_DIR/root.ext4" 2> /dev/null)" "$value" "it is on the disk"
ok "the task is over" slipway batch wait "$(json "$TEST_DIR/task.json" .id)"

# An action that says what it was given.
add_profile talks '[{"action":"install","with":{"image":"tiny","disk":{"select":"only"},"hostname":"{{secret.bad}}"}}]'
start_task talks
run_engine --disk "$TEST_DIR/disk.img"
approve
engine_end
slipway batch wait "$(json "$TEST_DIR/task.json" .id)" > "$TEST_DIR/wait.txt" 2>&1
is "$(task_get .sentence)" "step 1 (install): '[secret]' is not a host name: letters, digits and inner dashes, at most 63 of them" \
  "what an action says of it is blotted out"

{ api GET "/tasks?limit=100"; api GET "/events/list?limit=1000"; api GET "/audit?limit=1000"; api GET /secrets
  api GET "/tasks/$task"; api GET /profiles; } > "$TEST_DIR/replies.txt"
server_stop; slipwayd_pid=
is "$(grep -rlaF "$value" "$state" "$TEST_DIR/slipwayd.log" "$TEST_DIR/replies.txt" "$TEST_DIR/wait.txt" "$TEST_DIR/engine.out")" "" \
  "neither the state folder nor a log nor a reply has the value"
server_start
ok "after a restart a secret is deleted" slipway secret delete motd --yes
not_ok "and is gone" slipway secret delete motd --yes
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 200
# Deleting and collecting beside an engine that is fetching an image: what its
# task names stays, whoever is killed meanwhile; what nothing names any more
# goes, and goes as soon as the task is over.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires curl jq cmp

image=$TEST_DIR/image.raw disk=$TEST_DIR/disk.img
server_init
server_start
head -c 160M /dev/urandom > "$image"
{ head -c 20M "$image"; head -c 20M /dev/urandom; } > "$TEST_DIR/other.raw"
import_image large "$image"
import_image other "$TEST_DIR/other.raw"
add_host lab-01
add_profile whole '[{"action":"install","with":{"image":"large","disk":{"select":"only"}}}]'

# As if everything had been there for an hour.
age () { find "$state/objects" "$state/index" "$state/manifests" -type f -exec touch -d '1 hour ago' {} +; }
objects () { find "$state/objects" -type f | wc -l; }
delete () { slipway image delete --yes "$1" > "$TEST_DIR/deleted" 2>&1; }
collect () { # begins one
  care=$(api POST /care '{"kind":"collect"}' | jq -r .id)
}
collected () { # until it is over; prints its state and how many files it freed
  until api GET "/care/$care" > "$TEST_DIR/care" && [ "$(json "$TEST_DIR/care" .state)" != running ]; do :; done
  jq -r '"\(.state) \(.result.freed_files)"' "$TEST_DIR/care"
}
# family PID: it and all that come from it.
family () {
  local child
  echo "$1"
  for child in $(pgrep -P "$1"); do family "$child"; done
}

start_task whole
truncate -s 200M "$disk"
run_engine --disk "$disk"
approve
until [ "$(du -k "$disk" | cut -f1)" -gt 10000 ]; do
  kill -0 "$engine_pid" || bail "the engine has ended: $(screen | tail -n 3)"
done
mapfile -t stopped < <(family "$engine_pid")
kill -STOP "${stopped[@]}"
at_exit 'kill -CONT "${stopped[@]}" 2> /dev/null'
not_ok "the engine is stopped in the middle of its image" cmp -s -n "$(stat -c %s "$image")" "$disk" "$image"

# ---- while it has a part of it ----

delete large
is $? 4 "the image of an unfinished task is not deleted"
like "$(cat "$TEST_DIR/deleted")" "task $task of host 'lab-01' needs it" "with the task that needs it"
ok "another one is" delete other
before=$(objects)
age
collect
kill -9 "$(pgrep -P "$slipwayd_pid" -f 'worker care')" 2> /dev/null
collected > /dev/null
collect
server_kill
server_start
collect
like "$(collected)" '^done' "collecting ends well after its worker and its server were killed"
ok "what nothing named is gone" [ "$(objects)" -lt "$before" ]
is "$(api POST /care '{"kind":"verify"}' > "$TEST_DIR/verify"; care=$(json "$TEST_DIR/verify" .id); collected)" "done null" "what is left is read"
is "$(json "$TEST_DIR/care" '.damaged | length')" 0 "and whole"

# ---- while it fetches the rest ----

kill -CONT "${stopped[@]}"
rounds=0
while kill -0 "$engine_pid" 2> /dev/null; do
  collect
  collected >> "$TEST_DIR/rounds"
  rounds=$((rounds + 1))
done
engine_end
diag "collected $rounds times beside the engine"
is "$engine_status" 0 "the engine ends well"
is "$(sort -u "$TEST_DIR/rounds")" "done 0" "collecting beside it frees nothing"
ok "the disk is the image" cmp -n "$(stat -c %s "$image")" "$disk" "$image"
until state_now=$(task_get .state); [ "$state_now" != leaving ]; do :; done
is "$state_now" succeeded "the task has succeeded"
is "$(task_get .attempt)" 1 "in its first attempt"

# ---- when it is over ----

ok "now the image can be deleted" delete large
age
collect
like "$(collected)" '^done [1-9]' "and is collected"
is "$(find "$state/index" "$state/manifests" -type f | wc -l)" 0 "all of it"
done_testing

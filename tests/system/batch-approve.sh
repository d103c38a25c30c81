#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# Tier console for a group: three machines of a batch and one of another show
# codes; the command line approves the batch's by a list that also holds wrong
# ones, and each of those is refused by itself.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires curl jq script

server_init
server_start
# machine N: powers it on; its console is N.err.
machine () {
  machine_facts "52:54:00:00:01:0$1" > "$TEST_DIR/$1.json"
  "$run" slipway-engine run --trust "$state/site/trust.json" --facts "$TEST_DIR/$1.json" --patience 20s \
    --server "$server_address:$tls_port" > "$TEST_DIR/$1.out" 2> "$TEST_DIR/$1.err" < /dev/null &
  engines[$1]=$!
  at_exit "stop ${engines[$1]}"
}
code () {
  wait_line "$TEST_DIR/$1.err" 'slipway host approve' 20 || bail "$(cat "$TEST_DIR/$1.err")"
  sed -n "s/.*slipway host approve [^ ]* '\(.*\)'.*/\1/p" "$TEST_DIR/$1.err"
}
start () { slipway task start check --hosts "$1" --yes --json | jq -r .id; }

engines=()
for n in 1 2 3 4 5; do
  api POST /hosts "{\"name\":\"lab-$n\",\"macs\":[\"52:54:00:00:01:0$n\"]}" > /dev/null
done
add_profile check '[{"action":"inventory"}]'
batch=$(start 'lab-[1-3]')
other=$(start lab-4)
for n in 1 2 3 4; do machine "$n"; done
# typed BATCH LINES...: the command line on a terminal, with a person at it.
typed () {
  local batch=$1
  shift
  export SLIPWAY_SERVER=https://$server_address:$tls_port SLIPWAY_CA=$state/site/ca.pem SLIPWAY_TOKEN_FILE=$state/admin-token
  printf '%s\n' "$@" | script -qec "$run slipway batch approve $batch" /dev/null | tr -d '\r' > "$TEST_DIR/said"
}

not_ok "without a list and a terminal nothing is done" slipway batch approve "$batch"
printf '# read off the screens\n%s\n\nwrong wrong wrong wrong\n%s\n%s\n' "$(code 1)" "$(code 2)" "$(code 4)" > "$TEST_DIR/codes"
not_ok "without --yes and a terminal nothing is approved" slipway batch approve "$batch" --codes "$TEST_DIR/codes"
like "$(cat "$TEST_DIR/ok.out")" "lab-1 +$(code 1)" "but it was shown whose code is which"
is "$(api GET /pending-hosts | jq '.items | length')" 4 "all four still wait"

slipway batch approve "$batch" --codes "$TEST_DIR/codes" --yes > "$TEST_DIR/said" 2>&1
is $? 8 "some of the codes were not approved"
like "$(cat "$TEST_DIR/said")" "2 approved, 2 refused" "two were"
like "$(cat "$TEST_DIR/said")" "'wrong wrong wrong wrong' is refused: no machine that waits shows this code" "the wrong one has its reason"
like "$(cat "$TEST_DIR/said")" "host 'lab-4' shows this code but is not of this batch" "so has the one of another batch"
for n in 1 2; do
  wait "${engines[$n]}"
  is $? 0 "machine $n does its task"
done
code 1 | slipway batch approve "$batch" --codes - --yes > "$TEST_DIR/said" 2>&1
is $? 4 "a code that was used approves nothing"

code 3 | slipway batch approve "$batch" --codes - --yes --json > "$TEST_DIR/said" 2>&1
is "$(json "$TEST_DIR/said" '.items[0].host_name + " " + .items[0].state')" "lab-3 approved" "the third one comes by standard input"
wait "${engines[3]}"
is $? 0 "and does its task"
slipway batch approve "$other" --codes "$TEST_DIR/codes" --yes > "$TEST_DIR/said" 2>&1
like "$(cat "$TEST_DIR/said")" "1 approved, 3 refused" "the same list approves the other batch's machine only"
not_ok "a batch that is not there" slipway batch approve 0123456789abcdef0123456789abcdef --codes "$TEST_DIR/codes" --yes

last=$(start lab-5)
machine 5
typed "$last" "$(code 5)" "" n
like "$(cat "$TEST_DIR/said")" 'one a line' "on a terminal it asks for the codes"
like "$(cat "$TEST_DIR/said")" 'Approve this machine. \[y/N\]' "and whether they are to be approved"
is "$(api GET /pending-hosts | jq '.items | length')" 1 "a no approves nothing"
typed "$last" "$(code 5)" "" y
like "$(cat "$TEST_DIR/said")" '1 approved, 0 refused' "a yes does"
wait "${engines[5]}"
is $? 0 "and the machine does its task"

audit () { slipway audit list --json | jq "[.. | objects | select(.action? == \"batch.approve\" and .detail.state == \"$1\")] | length"; }
is "$(audit approved)" 5 "the audit log has every approval"
is "$(audit refused)" 8 "and every refusal"
done_testing

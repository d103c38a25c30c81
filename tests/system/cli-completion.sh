#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# What the command line tells by itself: help by noun, completion in a real
# bash, an explained problem, an inventory that can be read.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq
. "$top_srcdir/tests/lib/engine.sh"
server_init
server_start
export SLIPWAY_SERVER=127.0.0.1:$tls_port SLIPWAY_CA=$state/site/ca.pem SLIPWAY_TOKEN_FILE=$state/admin-token
slipway () { "$run" slipway "$@" < /dev/null; }

# Help.
is "$(slipway lease --help | sed -n '/^  [a-z]/p')" "  lease list                           DHCP leases" \
  "the help of a noun has its verbs and no others"
is "$(slipway help lease)" "$(slipway lease --help)" "'help NOUN' is the same"
is "$(slipway help)" "$(slipway --help)" "'help' alone has all"
like "$(slipway token create --help)" '--scope viewer' "the help of a verb has its options"
is "$(slipway host --help | grep -c '^  host ')" "$(slipway --list-verbs | grep -c '^host ')" "no verb is missing"

# A problem.
like "$(slipway explain conflict)" '^Conflict \(conflict, status 409\)$' "a problem is explained"
like "$(slipway explain conflict)" '^What to do: ' "with what to do"
is "$(slipway explain conflict --json | jq -r .id)" conflict "also as JSON"
slipway explain nothing > "$TEST_DIR/said" 2>&1; is $? 3 "an unknown one is not found"

# An inventory.
truncate -s 1M "$TEST_DIR/disk.img"
add_host lab-01
add_profile look '[{"action":"inventory"}]'
start_task look
run_engine --disk "$TEST_DIR/disk.img"
approve
engine_end
slipway host inventory lab-01 > "$TEST_DIR/inventory"
like "$(cat "$TEST_DIR/inventory")" '^DISKS$' "an inventory has its parts"
like "$(sed -n '/^DISKS$/,/^$/p' "$TEST_DIR/inventory")" 'SIZE' "disks are a table"
like "$(sed -n '/^DISKS$/,/^$/p' "$TEST_DIR/inventory")" '1\.0 MiB' "with sizes for people"
is "$(slipway host inventory lab-01 --json | jq -c '.disks[0].size_bytes')" 1048576 "and for programs"

# Completion, by the bash that everybody has.
mkdir "$TEST_DIR/bin"
printf '#!/bin/sh\nexec "%s" slipway "$@"\n' "$run" > "$TEST_DIR/bin/slipway"
chmod +x "$TEST_DIR/bin/slipway"
# completed LINE: what the line may become, in COMPREPLY's order.
completed () {
  PATH=$TEST_DIR/bin:$PATH bash -c '
    . "$1"
    COMP_LINE=$2 COMP_POINT=${#2}
    _slipway
    echo "${COMPREPLY[*]}"' bash "$top_srcdir/core/cli/completion/slipway" "$1"
}
is "$(bash -c '. "$1"; complete -p slipway' bash "$top_srcdir/core/cli/completion/slipway")" \
  "complete -o default -F _slipway slipway" "bash asks for slipway's words"
is "$(completed 'slipway ')" "$(slipway --list-verbs | cut -d' ' -f1 | awk '!seen[$0]++' | xargs) help" "every noun is offered"
is "$(completed 'slipway ho')" host "nouns by their beginning"
is "$(completed 'slipway profile ')" "$(slipway --list-verbs | sed -n 's/^profile //p' | xargs)" "the verbs of a noun"
is "$(completed 'slipway token create x --sc')" "--scope" "the options of a verb"
like "$(completed 'slipway host list --')" '--json' "and those of all"
is "$(completed 'slipway token create x --scope ')" "viewer operator admin" "the values of an option"
api POST /hosts '{"name":"lab-02","macs":["52:54:00:00:00:02"]}' > /dev/null
is "$(completed 'slipway host show ' | xargs -n 1 | sort | xargs)" "lab-01 lab-02" "the names of hosts"
is "$(completed 'slipway host show lab-02')" lab-02 "by their beginning too"
is "$(completed 'slipway host add ')" "" "but not for a name that is yet to be given"
is "$(completed 'slipway task start ')" look "profiles"
is "$(completed 'slipway task start look --hosts lab-01')" lab-01 "hosts after an option"
is "$(completed "slipway task show ${task:0:8}")" "$task" "tasks"
printf tool > "$TEST_DIR/blob"; import_image tools "$TEST_DIR/blob" blob
is "$(completed 'slipway image show tools@')" 1 "images, from where readline has split the word"
is "$(completed 'slipway plugin describe ' | xargs -n 1 | sort | xargs)" "action arch store transport" "kinds of plugins"
is "$(completed 'slipway explain prec')" "precondition-failed precondition-required" "problems"
is "$(completed "slipway --server 127.0.0.1:1 host show ")" "" "a server that is not there offers nothing"
is "$(completed 'slipway nonsense ')" "" "nor does a noun that is not there"
server_stop
slipway complete -- host show '' > "$TEST_DIR/said" 2>&1
is "$? $(cat "$TEST_DIR/said")" "0 " "and nobody is bothered with the reason"
slipwayd_pid=
done_testing

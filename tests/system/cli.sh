#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The command line against a real server: every noun, the exit codes, and what
# a mistake gets told.  No root, no network but loopback.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires jq

cat > "$TEST_DIR/slipwayd.json" <<JSON
{"state_dir": "$TEST_DIR/state", "address": "127.0.0.1", "ports": {"tls": 0, "http": 0}, "debug": {"check_replies": true}}
JSON
"$run" slipwayd init --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
  bail "init: $(cat "$TEST_DIR/init.log")"
"$run" slipwayd run --config "$TEST_DIR/slipwayd.json" \
  > "$TEST_DIR/ready" 2> "$TEST_DIR/server.log" < /dev/null &
server=$!
at_exit 'stop "$server"'
wait_line "$TEST_DIR/ready" '^ready' 30 || bail "$(tail "$TEST_DIR/server.log")"
port=$(sed -n 's/.*tls=\([0-9]*\).*/\1/p' "$TEST_DIR/ready")

export XDG_CONFIG_HOME=$TEST_DIR/config
unset SLIPWAY_SERVER SLIPWAY_TOKEN_FILE SLIPWAY_CA
slipway () { "$run" slipway "$@" < /dev/null; }
# status WANTED NAME COMMAND...: the exit code; its words are in $said.
status () {
  local wanted=$1 name=$2 got; shift 2
  said=$(slipway "$@" 2>&1); got=$?
  if [ $got -eq "$wanted" ]; then pass "$name"; else fail "$name" "status $got, wanted $wanted: $said"; fi
}

# Which server.
status 2 "without a server nothing is tried" host list
like "$said" 'no server is named; use --server' "and it says how to name one"
mkdir -p "$XDG_CONFIG_HOME/slipway"
cat > "$XDG_CONFIG_HOME/slipway/config.json" <<JSON
{"server": "127.0.0.1:$port", "token_file": "$TEST_DIR/state/admin-token", "ca": "$TEST_DIR/state/site/ca.pem"}
JSON
status 0 "the configuration file names server, token and CA" status
like "$said" 'store +ok' "status shows the store"
like "$said" 'up for +[0-9]+ (s|min)' "and for how long the server is up"
like "$said" 'http +[0-9]+ +yes' "and the workers"
not_ok "a transport without its port is left alone" grep -q 'mtftp.*started again' "$TEST_DIR/server.log"
status 6 "a server that is not there" --server 127.0.0.1:1 host list
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=other \
  -keyout /dev/null -out "$TEST_DIR/other.pem" 2> /dev/null &&
  status 5 "a server that another CA vouches for" --ca "$TEST_DIR/other.pem" host list
echo nonsense > "$TEST_DIR/token"
status 5 "a wrong token" --token-file "$TEST_DIR/token" host list
echo '{"sever": "x"}' > "$TEST_DIR/config/bad.json"
mkdir -p "$TEST_DIR/bad/slipway" && mv "$TEST_DIR/config/bad.json" "$TEST_DIR/bad/slipway/config.json"
XDG_CONFIG_HOME=$TEST_DIR/bad status 2 "a wrong key in the configuration" host list
like "$said" 'sever' "is named"

# Words.
status 2 "an unknown noun" ship list
status 2 "an unknown verb" host paint
status 2 "an unknown option" host list --colour
status 2 "a missing argument" host show
status 0 "help" task start --help
like "$said" '--hosts NAMES' "has the options of a verb"
is "$(slipway --list-verbs | sort | uniq -d)" "" "no verb is there twice"

# Hosts.
status 0 "a host is registered" host add lab-01 --mac 52:54:00:00:00:01 --label room=1,row=2
status 0 "and another" host add lab-02 --mac=52:54:00:00:00:02
status 4 "not twice" host add lab-01 --mac 52:54:00:00:00:09
like "$(slipway host list)" '^lab-01 +52:54:00:00:00:01 .*room=1,row=2' "hosts are listed"
is "$(slipway host list --json | jq -r '[.items[].name] | sort | join(" ")')" "lab-01 lab-02" \
  "the same as JSON"
status 0 "a host is changed" host change lab-02 --name lab-03 --tier console
is "$(slipway host show lab-03 --json | jq -r .tier)" console "as was said"
status 3 "its old name is gone" host show lab-02
status 1 "what the server does not accept" host change lab-03 --mac nonsense
status 0 "a host is forgotten" host delete lab-03
status 0 "host unknown" host unknown
status 0 "host pending" host pending

# Profiles.
echo '{"name": "look", "steps": [{"action": "inventory"}], "then": "stay"}' > "$TEST_DIR/look.json"
echo '{"name": "bad", "steps": [{"action": "inventory"}], "the": "stay"}' > "$TEST_DIR/bad.json"
echo '{"name": ' > "$TEST_DIR/broken.json"
status 0 "a profile is stored" profile add "$TEST_DIR/look.json"
status 4 "once" profile add "$TEST_DIR/look.json"
status 0 "and replaced" profile replace "$TEST_DIR/look.json"
is "$(slipway profile show look | jq -r .steps[0].action)" inventory "shown as it was stored"
status 1 "a profile with an unknown key" profile add "$TEST_DIR/bad.json"
like "$said" "the.*|'the'" "names the key"
like "$said" "bad.json' was not stored" "and the file"
status 1 "a profile that is not JSON" profile add "$TEST_DIR/broken.json"
like "$said" 'broken.json' "is named"
like "$(slipway profile list)" '^look ' "profiles are listed"

# Images.
head -c 3000000 /dev/urandom > "$TEST_DIR/blob"
status 0 "an image is imported" image import tools "$TEST_DIR/blob" --kind blob
like "$(slipway image list)" '^tools@1 +blob +2\.9 MiB' "and listed"
is "$(slipway image show tools --json | jq -r .size_bytes)" 3000000 "shown"
status 1 "an image file that is missing" image import x "$TEST_DIR/nothing"
status 3 "an image that is not there" image show other
status 0 "an image is deleted" image delete tools@1

# Tasks.
status 2 "hosts are needed" task start look
status 2 "a range that goes backwards" task start look --hosts 'lab-[2-1]'
status 2 "more than one host wants a yes" task start look --hosts 'lab-[01-02]'
like "$said" "on 2 hosts.*--yes" "with their number"
status 1 "an unknown host" task start look --hosts lab-09
status 3 "an unknown profile" task start other --hosts lab-01
slipway task start look --hosts lab-01 --json > "$TEST_DIR/batch" 2> "$TEST_DIR/warned"
like "$(cat "$TEST_DIR/warned")" "no engine build is published" "a task that no machine could carry out is warned of"
batch=$(jq -r .id "$TEST_DIR/batch"); task=$(jq -r '.tasks[0].task' "$TEST_DIR/batch")
like "$(slipway task list --state armed)" "$task +lab-01 +armed" "a task is started and listed"
status 7 "waiting has an end" batch wait "$batch" --timeout 1s
slipway batch wait "$batch" > "$TEST_DIR/waited" 2> "$TEST_DIR/states" &
waiting=$!
wait_line "$TEST_DIR/states" 'lab-01: armed' 20
status 0 "a task is cancelled" task cancel "$task"
wait "$waiting"; is $? 1 "who waits for it is told that it failed"
like "$(cat "$TEST_DIR/waited")" "^lab-01 +cancelled" "and why"
status 0 "batch list" batch list
status 0 "batch show" batch show "$batch"
status 3 "an unknown task" task show 00000000000000000000000000000000

# Plugins, tokens, the rest.
like "$(slipway plugin list)" '^transport +unicast .* yes' "plugins are listed"
status 0 "a plugin is described" plugin describe transport unicast
like "$said" connections "with its parameters"
status 0 "a plugin is disabled" plugin disable transport unicast
status 0 "and enabled" plugin enable transport unicast
slipway token create ci --scope viewer --expires 1d --json | jq -r .token > "$TEST_DIR/viewer"
status 0 "a viewer's token may look" --token-file "$TEST_DIR/viewer" host list
status 5 "and not change" --token-file "$TEST_DIR/viewer" host delete lab-01
id=$(slipway token list --json | jq -r '.items[] | select(.name == "ci") | .id')
status 0 "a token is revoked" token revoke "$id"
status 5 "and is of no use then" --token-file "$TEST_DIR/viewer" host list
like "$(slipway event list)" 'plugin-enabled' "events are listed"
like "$(slipway audit list)" "ci|token" "so is the audit log"
status 0 "lease list" lease list
status 0 "engine list" engine list
status 2 "an engine build needs a kernel" engine build
slipway event follow --json --after 1 > "$TEST_DIR/followed" &
at_exit "stop $!"
ok "events are followed" wait_line "$TEST_DIR/followed" '"event":"profile-changed"' 20

# A server that is started again while somebody waits.
batch=$(slipway task start look --hosts lab-01 --json | jq -r .id)
slipway batch wait "$batch" > "$TEST_DIR/waited" 2> "$TEST_DIR/states" &
waiting=$!
wait_line "$TEST_DIR/states" 'lab-01: armed' 20
stop "$server"
status 6 "a server that is gone" host list
ok "who waits is told that it does not answer" wait_line "$TEST_DIR/states" 'does not answer, trying again' 20
sed -i "s/\"tls\": 0/\"tls\": $port/" "$TEST_DIR/slipwayd.json"
"$run" slipwayd run --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/ready2" 2>> "$TEST_DIR/server.log" < /dev/null &
server=$!
wait_line "$TEST_DIR/ready2" '^ready' 30
status 0 "the batch is cancelled at the new one" batch cancel "$batch"
wait "$waiting"; is $? 1 "and who waits learns of it"
like "$(cat "$TEST_DIR/waited")" '^lab-01 +cancelled' "with the state"
done_testing

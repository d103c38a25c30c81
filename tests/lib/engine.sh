# SPDX-License-Identifier: Apache-2.0
# A server on the loopback and the engine as an ordinary process with plain
# files as disks: no root, no network.  Source functions.sh first.
#
#   server_init; server_start     a site, and slipwayd on free ports
#   api METHOD PATH [JSON]        REST as the first admin
#   tiny_image NAME               a small bootable-looking disk image, imported
#   start_task PROFILE            sets $task
#   run_engine [OPTION...]        in the background; sets $engine_pid
#   approve                       the code that the engine's console shows

state=$TEST_DIR/state
facts=$TEST_DIR/facts.json
host_mac=52:54:00:12:34:56
root_sector=22528 # where tiny_image's root file system begins
tls_port=0
http_port=0
slipwayd_pid=
# A test with namespaces changes these before server_init.
server_address=127.0.0.1
server_members='"ports": {"tls": 0, "http": 0, "dhcp": 0, "pxe": 0, "tftp": 0}'
server_in=() # what to run slipwayd and curl with
engine_in=()

# cabled_target: server and engine in namespaces of their own, joined by one
# cable: "cable" on the laboratory's bridge, eth0 with an address in $target.
# Needs root; source lab.sh too and call lab_up before.
cabled_target () {
  target=$lab-target
  ip netns add "$target"
  at_exit 'ip netns delete "$target"'
  in_lab ip link add cable type veth peer name eth0 netns "$target"
  in_lab ip link set cable master br0 up
  ip -n "$target" link set eth0 address "$host_mac"
  ip -n "$target" address add "$lab_network.50/24" dev eth0
  ip -n "$target" link set eth0 up
  server_address=$lab_address
  server_in=(ip netns exec "$lab")
  engine_in=(ip netns exec "$target")
}

# use_fixtures NAME...: our plugins, and these of tests/plugin beside them.
use_fixtures () {
  local machine name
  machine=$(ls "$top_builddir/plugins-built")
  mkdir "$TEST_DIR/plugins"
  cp -R "$top_builddir"/plugins-built/* "$TEST_DIR/plugins/"
  for name in "$@"; do
    cp "$top_builddir/tests/plugin/built/$machine/action/$name.so" "$TEST_DIR/plugins/$machine/action/"
  done
  chmod -R go-w "$TEST_DIR/plugins"
  export SLIPWAY_PLUGIN_DIR=$TEST_DIR/plugins
}

server_configure () {
  echo "{\"state_dir\": \"$state\", \"address\": \"$server_address\", $server_members}" |
    jq ".ports.tls = $tls_port | .ports.http = $http_port | .debug.check_replies = true" > "$TEST_DIR/slipwayd.json"
}

# machine_facts MAC: the inventory of a machine that is a process.
machine_facts () {
  printf '{"machine": "x86_64", "firmware": {"kind": "uefi"}, "ports": [{"name": "eth0", "mac": "%s", "link": true}]}' "$1"
}

server_init () {
  server_configure
  "${server_in[@]}" "$run" slipwayd init --config "$TEST_DIR/slipwayd.json" > "$TEST_DIR/init.log" 2>&1 ||
    bail "slipwayd init: $(cat "$TEST_DIR/init.log")"
  at_exit server_stop
  machine_facts "$host_mac" > "$facts"
}

# The second and later starts take the ports of the first.
server_start () {
  server_configure
  : > "$TEST_DIR/slipwayd.out"
  "${server_in[@]}" "$run" slipwayd run --config "$TEST_DIR/slipwayd.json" \
    > "$TEST_DIR/slipwayd.out" 2>> "$TEST_DIR/slipwayd.log" < /dev/null &
  slipwayd_pid=$!
  wait_line "$TEST_DIR/slipwayd.out" '^ready' 30 || bail "$(tail -n 20 "$TEST_DIR/slipwayd.log")"
  tls_port=$(sed -n 's/^ready.* tls=\([0-9]*\).*/\1/p' "$TEST_DIR/slipwayd.out")
  http_port=$(sed -n 's/^ready.* http=\([0-9]*\).*/\1/p' "$TEST_DIR/slipwayd.out")
}
server_kill () { kill -9 "$slipwayd_pid"; wait "$slipwayd_pid" 2> /dev/null; slipwayd_pid=; }
server_stop () { [ -z "$slipwayd_pid" ] || stop "$slipwayd_pid"; }

api () {
  local data=()
  [ $# -lt 3 ] || data=(-H 'Content-Type: application/json' --data "$3")
  "${server_in[@]}" curl -sS --cacert "$state/site/ca.pem" -H "Authorization: Bearer $(cat "$state/admin-token")" \
    -X "$1" "https://$server_address:$tls_port/api/v1$2" "${data[@]}"
}

# The command line as the first admin.
slipway () {
  "${server_in[@]}" env SLIPWAY_SERVER="https://$server_address:$tls_port" SLIPWAY_CA="$state/site/ca.pem" \
    SLIPWAY_TOKEN_FILE="$state/admin-token" "$run" slipway "$@"
}

# A GPT with an EFI system partition and an ext4 root that holds random data.
make_disk_image () {
  local file=$1 root=$TEST_DIR/root
  mkdir -p "$root/etc/cloud" "$root/boot"
  head -c "${2:-8M}" /dev/urandom > "$root/boot/data"
  echo image > "$root/etc/hostname"
  truncate -s 64M "$file"
  sfdisk -q "$file" <<EOF
label: gpt
start=2048, size=20480, type=U
start=$root_sector, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709
EOF
  mke2fs -q -t ext4 -d "$root" -E "offset=$((root_sector * 512))" "$file" 52m 2> "$TEST_DIR/mke2fs.log" ||
    bail "mke2fs: $(cat "$TEST_DIR/mke2fs.log")"
  rm -rf "$root"
}
# import_image NAME FILE [KIND]
import_image () {
  slipway image import --kind "${3:-disk}" "$1" "$2" > "$TEST_DIR/import.log" 2>&1 || bail "import: $(cat "$TEST_DIR/import.log")"
}
root_of () { dd if="$1" of="$2" bs=512 skip=$root_sector count=$((52 * 2048)) status=none; }

add_host () { api POST /hosts "{\"name\":\"$1\",\"macs\":[\"$host_mac\"]}" > /dev/null; }
# add_profile NAME STEPS [THEN]
add_profile () {
  api POST /profiles "{\"name\":\"$1\",\"transport\":[\"unicast\"],\"steps\":$2,\"then\":\"${3:-reboot}\"}" \
    > "$TEST_DIR/profile.json"
  json "$TEST_DIR/profile.json" .name > /dev/null || bail "profile: $(cat "$TEST_DIR/profile.json")"
}
start_task () {
  api POST /tasks "{\"profile\":\"$1\",\"select\":{\"hosts\":[\"lab-01\"]}}" > "$TEST_DIR/task.json"
  task=$(json "$TEST_DIR/task.json" '.tasks[0].task') || bail "task: $(cat "$TEST_DIR/task.json")"
}
task_get () { api GET "/tasks/$task" | jq -r "$1"; }

run_engine () {
  local engine_server=(--server "$server_address:$tls_port")
  case " $* " in *" --interface "*) engine_server=() ;; esac # it asks by itself
  rm -f "$TEST_DIR/engine.err"
  "${engine_in[@]}" "$run" slipway-engine run --trust "$state/site/trust.json" \
    --facts "$facts" --patience 20s "${engine_server[@]}" "$@" > "$TEST_DIR/engine.out" 2> "$TEST_DIR/engine.err" < /dev/null &
  engine_pid=$!
  at_exit "stop $engine_pid"
}
approve () {
  wait_line "$TEST_DIR/engine.err" 'slipway host approve' 20 || bail "$(cat "$TEST_DIR/engine.err")"
  local code
  code=$(sed -n "s/.*slipway host approve [^ ]* '\(.*\)'.*/\1/p" "$TEST_DIR/engine.err")
  api POST /hosts/lab-01/approve "{\"code\":\"$code\"}" > /dev/null
}
# valid_inventory FILE: it is what profiles/schema/inventory.json says.
valid_inventory () {
  python3 - "$top_srcdir/profiles/schema/inventory.json" "$1" << 'PY'
import json, sys
import jsonschema
schema, inventory = (json.load(open(path)) for path in sys.argv[1:3])
jsonschema.Draft202012Validator(schema).validate(inventory)
PY
}
engine_end () { wait "$engine_pid"; engine_status=$?; }
screen () { tr '\r' '\n' < "$TEST_DIR/engine.err"; }

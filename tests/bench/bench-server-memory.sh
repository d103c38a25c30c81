#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Memory of the server: the sum of Pss of slipwayd and its workers with an
# image and 1000 hosts in the store, idle and with 100 engine processes that
# hold a session each.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
tap_done=bench # prints figures, no TAP
[ "$(id -u)" -eq 0 ] || { echo "bench-server-memory needs root for its namespace" >&2; exit 1; }

result () {
  printf '{"bench":"server-memory","tool":"slipwayd","case":"%s","value":%s,"unit":"MiB"}\n' "$1" "$2"
}
pss_mib () {
  local pid
  for pid in $slipwayd_pid $(pgrep -P "$slipwayd_pid"); do cat "/proc/$pid/smaps_rollup"; done |
    awk '/^Pss:/ {sum += $2} END {printf "%.1f", sum / 1024}'
}

lab_up && site_up || exit 1
truncate -s 64M "$TEST_DIR/image.raw"
head -c 32M /dev/urandom | dd of="$TEST_DIR/image.raw" conv=notrunc status=none
slipway image import sample "$TEST_DIR/image.raw" > /dev/null || exit 1
token=$(cat "$SLIPWAY_TOKEN_FILE")
for i in $(seq 1000); do
  [ "$i" -eq 1 ] || echo next
  printf 'url = "%s/api/v1/hosts"\ncacert = "%s"\n' "$SLIPWAY_SERVER" "$SLIPWAY_CA"
  printf 'header = "Authorization: Bearer %s"\nheader = "Content-Type: application/json"\n' "$token"
  printf 'data = "{\\"name\\":\\"bench-%04d\\",\\"macs\\":[\\"52:54:00:00:%02x:%02x\\"]}"\noutput = "/dev/null"\n' "$i" $((i / 256)) $((i % 256))
done > "$TEST_DIR/hosts.curl"
in_lab curl -sS -K "$TEST_DIR/hosts.curl" || exit 1
hosts=$(slipway status --json | jq .counts.hosts)
[ "$hosts" -ge 1000 ] || { echo "only $hosts hosts were made" >&2; exit 1; }
result idle "$(pss_mib)"

# A hundred real engines: each holds its session open and waits for its code to
# be approved.
echo '{"name": "idle", "steps": [{"action": "inventory"}], "then": "stay"}' > "$TEST_DIR/idle.json"
slipway profile add "$TEST_DIR/idle.json" > /dev/null &&
  slipway task start idle --hosts 'bench-[0001-0100]' --yes > /dev/null || exit 1
for i in $(seq 100); do
  printf '{"macs":["52:54:00:00:00:%02x"],"firmware":"uefi"}' "$i" > "$TEST_DIR/facts-$i.json"
  in_lab "$site_prefix/libexec/slipway/slipway-engine" run --trust "$site/state/site/trust.json" \
    --server "$lab_address:7443" --facts "$TEST_DIR/facts-$i.json" > "$TEST_DIR/engine-$i.log" 2>&1 < /dev/null &
  at_exit "kill $! 2> /dev/null"
done
seen=0
while [ "$seen" -lt 100 ]; do
  seen=$(slipway host pending --json | jq '.items | length')
  [ "$SECONDS" -lt 240 ] || { echo "only $seen of 100 engines connected" >&2; tail -n 3 "$TEST_DIR/engine-1.log" >&2; exit 1; }
done
result '100 engines' "$(pss_mib)"

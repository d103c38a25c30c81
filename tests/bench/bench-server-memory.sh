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
  printf 'url = "%s/api/v1/hosts"\nrequest = "POST"\nheader = "Content-Type: application/json"\n' "$SLIPWAY_SERVER"
  printf 'data = "{\\"name\\":\\"bench-%04d\\",\\"macs\\":[\\"52:54:00:00:%02x:%02x\\"]}"\n' "$i" $((i / 256)) $((i % 256))
  printf 'output = "/dev/null"\nnext\n'
done > "$TEST_DIR/hosts.curl"
in_lab curl -sS --cacert "$SLIPWAY_CA" -H "Authorization: Bearer $token" -K "$TEST_DIR/hosts.curl" || exit 1
hosts=$(slipway host list --json | jq -s '[.. | objects | select(.macs?)] | length')
[ "$hosts" -ge 1000 ] || { echo "only $hosts hosts were made" >&2; exit 1; }
result idle "$(pss_mib)"

# A hundred real engines: each waits for a plan with its session open.
for i in $(seq 100); do
  mac=$(printf '52:54:00:00:00:%02x' "$i")
  printf '{"macs":["%s"],"firmware":"uefi"}' "$mac" > "$TEST_DIR/facts-$i.json"
  in_lab "$site_prefix/libexec/slipway/slipway-engine" run --trust "$site/state/site/trust.json" \
    --server "$lab_address:7443" --facts "$TEST_DIR/facts-$i.json" > "$TEST_DIR/engine-$i.log" 2>&1 < /dev/null &
  at_exit "stop $!"
done
timeout 120 sh -c "until [ \$(cat '$TEST_DIR'/engine-*.log | grep -c -i 'code\|wait') -ge 100 ]; do :; done" ||
  { echo "not all engines connected" >&2; tail -n 3 "$TEST_DIR/engine-1.log" >&2; exit 1; }
result '100 engines' "$(pss_mib)"

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# TFTP beside dnsmasq, tftpd-hpa and atftpd: blocks of 1468 bytes, windows of
# 1, 4 and 64, one client and 64 at once (atftp) on one bridge; every file is
# compared.  The value is MiB/s of all clients together, the median of
# SLIPWAY_BENCH_RUNS (3).  A server that does not know windows is measured with
# 1 only.  The two packages of daemons exclude each other, so both are unpacked
# into the cache and not installed.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
tap_done=bench # prints figures, no TAP
PATH=$PATH:/usr/sbin
[ "$(id -u)" -eq 0 ] || { echo "bench-tftp needs root for its namespace" >&2; exit 1; }
for tool in atftp dnsmasq curl jq cmp ss; do
  command -v "$tool" > /dev/null || { echo "bench-tftp: $tool is missing" >&2; exit 1; }
done

peers=$SLIPWAY_CACHE/tftp-peers
# unpacked PACKAGE FILE: the file of a Debian package that is not installed.
unpacked () {
  [ -x "$peers/$1/$2" ] || (
    mkdir -p "$peers/$1" && cd "$peers/$1" && apt-get -qq download "$1" > /dev/null 2>&1 && dpkg -x "$1"_*.deb .
  ) || { echo "bench-tftp: the package $1 cannot be fetched" >&2; exit 1; }
  echo "$peers/$1/$2"
}
hpa=$(unpacked tftpd-hpa usr/sbin/in.tftpd) || exit 1
atftpd=$(unpacked atftpd usr/sbin/atftpd) || exit 1

served=$TEST_DIR/served
mkdir "$served"
head -c "${SLIPWAY_BENCH_MIB:-64}M" /dev/urandom > "$served/one"
head -c 4M /dev/urandom > "$served/many"
chmod -R a+rX "$TEST_DIR"

# fetch COUNT NAME WINDOW FILE: seconds until all have the file; all compared.
fetch () {
  local i pids=() from to
  from=$(date +%s%N)
  for i in $(seq "$1"); do
    ip netns exec "$lab-client$i" atftp --option 'blksize 1468' --option "windowsize $3" -g -r "$2" -l "$TEST_DIR/got.$i" \
      "$lab_address" > /dev/null 2>&1 < /dev/null &
    pids+=($!)
  done
  wait "${pids[@]}"
  to=$(date +%s%N)
  for i in $(seq "$1"); do
    cmp -s "$4" "$TEST_DIR/got.$i" || { echo "bench-tftp: $server gave client $i of $1 another file (window $3)" >&2; exit 1; }
    rm -f "$TEST_DIR/got.$i"
  done
  echo "$from $to" | awk '{printf "%.3f", ($2 - $1) / 1e9}'
}

# median COUNT NAME WINDOW FILE: of several fetches.
median () {
  local i runs=${SLIPWAY_BENCH_RUNS:-3} seconds=
  for i in $(seq "$runs"); do
    seconds+="$(fetch "$@")"$'\n' || exit 1
  done
  printf '%s' "$seconds" | sort -n | sed -n "$(((runs + 1) / 2))p"
}

# measure SERVER ONE MANY WINDOW...: the names under which it serves the files.
measure () {
  local server=$1 one=$2 many=$3 window clients name file seconds
  shift 3
  for window in "$@"; do
    for clients in 1 64; do
      [ $clients -eq 1 ] && name=$one file=$served/one || name=$many file=$served/many
      seconds=$(median $clients "$name" "$window" "$file") || exit 1
      awk -v b="$(stat -c %s "$file")" -v n=$clients -v s="$seconds" -v t="$server" -v w="$window" 'BEGIN {
        printf "{\"bench\":\"tftp\",\"tool\":\"%s\",\"case\":\"window %d, clients %d\",\"value\":%.1f,\"unit\":\"MiB/s\"}\n",
          t, w, n, b * n / 1048576 / s }'
    done
  done
}

# beside SERVER WINDOWS COMMAND...: one of the others, on the same port.
beside () {
  local server=$1 windows=$2 pid
  shift 2
  ip netns exec "$lab" "$@" > "$TEST_DIR/$server.log" 2>&1 < /dev/null &
  pid=$!
  at_exit "stop $pid"
  until in_lab ss -uln | grep -q ':69 '; do
    kill -0 "$pid" 2> /dev/null || { cat "$TEST_DIR/$server.log" >&2; exit 1; }
  done
  measure "$server" one many $windows
  stop "$pid"
}

lab_up && site_up || exit 1
# One address each, as a room has.
for i in $(seq 64); do
  ns=$lab-client$i
  ip netns add "$ns"
  at_exit "ip netns delete $ns"
  in_lab ip link add "client$i" type veth peer name eth0 netns "$ns"
  in_lab ip link set "client$i" master br0 up
  ip -n "$ns" address add "$lab_network.$((i + 10))/24" dev eth0
  ip -n "$ns" link set eth0 up
done

# Ours serves what is published; a build may be of any bytes.
rest () { in_lab curl -sSf --cacert "$SLIPWAY_CA" -H "Authorization: Bearer $(cat "$SLIPWAY_TOKEN_FILE")" "$@"; }
publish () { # ROLE FILE
  local digest length
  digest=$(sha256sum < "$2" | cut -c1-64) length=$(stat -c %s "$2")
  rest -H 'Content-Type: application/octet-stream' -T "$2" "$SLIPWAY_SERVER/api/v1/engines/files/$digest" > /dev/null || exit 1
  echo "{\"role\": \"$1\", \"length\": $length, \"sha256\": \"$digest\"}"
}
trust=$(sha256sum < "$site/state/site/trust.json" | cut -c1-64)
files=$(publish engine "$served/one" && echo , && publish kernel "$served/many") || exit 1
rest -H 'Content-Type: application/json' --data "{\"machine\": \"x86_64\", \"version\": \"1\", \"trust_sha256\": \"$trust\",
  \"files\": [$files]}" "$SLIPWAY_SERVER/api/v1/engines" > "$TEST_DIR/build.json" || exit 1
name () { jq -r "[.. | objects | select(.role? == \"$1\")][0].name" "$TEST_DIR/build.json"; }

measure slipway "$(name engine)" "$(name kernel)" 1 4 64
stop "$slipwayd_pid"
beside dnsmasq 1 dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --port=0 \
  --enable-tftp --tftp-root="$served" --tftp-max=200
beside tftpd-hpa 1 "$hpa" --foreground --secure --user root --address "$lab_address:69" "$served"
beside atftpd "1 4 64" "$atftpd" --daemon --no-fork --port 69 --user root --group root --maxthread 100 "$served"

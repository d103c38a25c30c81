#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# DHCP beside dnsmasq and Kea, asked by perfdhcp from another namespace through
# its own relay address: the most four-way exchanges, and the most offers to
# PXE firmware beside another server, of which less than one in a hundred is
# lost.  Each rate is tried on a server that has just started and knows nobody,
# with clients that never come twice; rates double until one is too much, and
# the last step is halved four times.
#
# What is promised differs.  slipwayd syncs a lease to the disk before its ACK;
# dnsmasq writes its list anew and Kea (memfile, which is its default) appends
# to it, and neither syncs.  All write to one file system and log as they do by
# default.  dnsmasq and Kea do not probe addresses here (--no-ping; Kea cannot
# for itself), so slipwayd is measured with probing and without it.  Kea knows
# no proxy, and runs with its thread pool, which is the faster way for it.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
tap_done=bench # prints figures, no TAP
PATH=$PATH:/usr/sbin
[ "$(id -u)" -eq 0 ] || { echo "bench-dhcp needs root for its namespaces" >&2; exit 1; }
for tool in perfdhcp dnsmasq kea-dhcp4 ss; do
  command -v "$tool" > /dev/null || { echo "bench-dhcp: $tool is missing" >&2; exit 1; }
done

seconds=${SLIPWAY_BENCH_SECONDS:-4}
only=${SLIPWAY_BENCH_ONLY:-} # a tool and a case, or nothing for all
client=$lab-client
relay=10.77.0.2
# More than 131000 addresses, so that no client of one try comes twice.
network=10.64.0.0/12 netmask=255.240.0.0 first=10.78.0.0 last=10.79.255.250
# Options 60, 93 and 97 of x86-64 UEFI firmware.
firmware=(-i -o "60,$(printf 'PXEClient:Arch:00007:UNDI:003016' | od -An -v -tx1 | tr -d ' \n')"
  -o 93,0007 -o 97,0000112233445566778899aabbccddeeff)

network_up () {
  lab_up
  in_lab ip address delete "$lab_address/24" dev br0
  in_lab ip address add "$lab_address/12" dev br0
  ip netns add "$client"
  at_exit 'ip netns delete "$client"'
  in_lab ip link add client type veth peer name eth0 netns "$client"
  in_lab ip link set client master br0 up
  ip -n "$client" link set lo up
  ip -n "$client" address add "$relay/12" dev eth0
  ip -n "$client" link set eth0 up
}

# ---- the servers: each begins without a lease --------------------------------

server_pid=
# started COMMAND...: in the background, until it listens to port 67.
started () {
  ip netns exec "$lab" "$@" > "$TEST_DIR/server.log" 2>&1 < /dev/null &
  server_pid=$!
  until in_lab ss -uln | grep -q ':67 '; do
    kill -0 "$server_pid" 2> /dev/null || { tail -n 20 "$TEST_DIR/server.log" >&2; exit 1; }
  done
}
dnsmasq_with () {
  rm -f "$TEST_DIR/dnsmasq.leases"
  started dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --port=0 --log-facility=- \
    --dhcp-authoritative --no-ping --dhcp-lease-max=200000 --dhcp-leasefile="$TEST_DIR/dnsmasq.leases" "$@"
}
start_dnsmasq_exchanges () { dnsmasq_with --dhcp-range="$first,$last,$netmask,1h"; }
start_dnsmasq_offers () {
  dnsmasq_with --dhcp-range="${network%/*},proxy,$netmask" --pxe-service=x86-64_EFI,bench,bench.efi,"$lab_address"
}
start_kea_exchanges () {
  rm -f "$TEST_DIR"/kea.leases*
  cat > "$TEST_DIR/kea.json" <<END
{"Dhcp4": {
  "interfaces-config": {"interfaces": ["br0"], "dhcp-socket-type": "udp"},
  "lease-database": {"type": "memfile", "persist": true, "name": "$TEST_DIR/kea.leases", "lfc-interval": 0},
  "multi-threading": {"enable-multi-threading": true},
  "authoritative": true, "valid-lifetime": 3600,
  "subnet4": [{"subnet": "$network", "pools": [{"pool": "$first - $last"}]}],
  "loggers": [{"name": "kea-dhcp4", "severity": "INFO", "output_options": [{"output": "stdout", "flush": true}]}]
}}
END
  KEA_PIDFILE_DIR=$TEST_DIR KEA_LOCKFILE_DIR=none started kea-dhcp4 -c "$TEST_DIR/kea.json"
}
slipwayd_with () {
  site_dhcp=$1
  rm -f "$site/state/leases.log"
  site_configure && site_start || exit 1
  server_pid=$slipwayd_pid
}
pool='"lease_time": "1h", "netmask": "'$netmask'", "pools": [{"first": "'$first'", "last": "'$last'"}]'
start_slipwayd_exchanges () { slipwayd_with "$pool"; }
start_slipwayd_exchanges-unprobed () { slipwayd_with "$pool, \"probe\": false"; }
start_slipwayd_offers () { slipwayd_with '"mode": "proxy"'; }

# ---- one rate ----------------------------------------------------------------

# keeps_up RATE PERFDHCP-OPTION...: true when the server loses less than one
# exchange in a hundred; $reached is what it did in a second.
keeps_up () {
  local rate=$1
  shift
  "start_${tool}_$case"
  ip netns exec "$client" perfdhcp -4 -l "$relay" -R 131000 -r "$rate" -p "$seconds" -W 1000000 "$@" "$lab_address" \
    > "$TEST_DIR/perfdhcp.log" 2>&1
  stop "$server_pid"
  # An exchange is begun with the first kind of packet and complete with an
  # answer of the last.
  reached=$(awk -v s="$seconds" '
    /^sent packets:/ && !sent {sent = $3}
    /^received packets:/ {received = $3}
    END {if (sent == 0 || received < 0.99 * sent) exit 1; printf "%.0f", received / s}' "$TEST_DIR/perfdhcp.log")
}

# measure TOOL CASE PERFDHCP-OPTION...
measure () {
  local tool=$1 case=$2 best=0 good=0 bad=0 rate=125 halvings=4 reached
  shift 2
  [ -z "$only" ] || [ "$only" = "$tool $case" ] || return 0
  # More than 64000 a second is not perfdhcp's to send.
  while [ $rate -le 64000 ] && keeps_up $rate "$@"; do
    good=$rate best=$reached rate=$((rate * 2))
  done
  bad=$rate
  while [ $good -gt 0 ] && [ $((halvings--)) -gt 0 ]; do
    rate=$(((good + bad) / 2))
    if keeps_up $rate "$@"; then
      good=$rate
      [ "$reached" -le "$best" ] || best=$reached
    else
      bad=$rate
    fi
  done
  printf '{"bench":"dhcp","tool":"%s","case":"%s","value":%s,"unit":"1/s"}\n' "$tool" "$case" "$best"
}

network_up
site_up || exit 1
stop "$slipwayd_pid"
measure dnsmasq exchanges
measure kea exchanges
measure slipwayd exchanges
measure slipwayd exchanges-unprobed
measure dnsmasq offers "${firmware[@]}"
measure slipwayd offers "${firmware[@]}"

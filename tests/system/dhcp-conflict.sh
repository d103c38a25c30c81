#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# Machines that use addresses which they were not given: found before an offer,
# by ARP although a firewall swallows echoes, or by the client that declines;
# and addresses that are released.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
requires_root
requires curl ip busybox jq

# machine_up NAME MAC [ADDRESS]: a machine of its own on the bridge.
machine_up () {
  local ns=$lab-$1
  ip netns add "$ns"
  at_exit "ip netns delete $ns"
  in_lab ip link add "$1" type veth peer name eth0 netns "$ns"
  in_lab ip link set "$1" master br0 up
  ip -n "$ns" link set eth0 address "$2" up
  [ -z "${3-}" ] || ip -n "$ns" address add "$3/24" dev eth0
}
in_machine () { local ns=$lab-$1; shift; ip netns exec "$ns" "$@"; }

cat > "$TEST_DIR/script" <<'END'
#!/bin/sh
[ "$1" = deconfig ] && exec ip address flush dev "$interface"
echo "$1 ip=$ip" >> "$SCRIPT_OUT"
[ -z "$ip" ] || ip address replace "$ip/24" dev "$interface"
END
chmod 755 "$TEST_DIR/script"
export SCRIPT_OUT=$TEST_DIR/script.out
udhcpc () {
  : > "$SCRIPT_OUT"
  in_machine "$1" busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s "$TEST_DIR/script" "${@:2}" > "$TEST_DIR/udhcpc.log" 2>&1
}
bound () { sed -n 's/^bound ip=//p' "$SCRIPT_OUT" | tail -n 1; }
# event ADDRESS MEMBER: of the newest conflict over this address.
event () {
  json "$(slipway event list --json)" \
    "[.. | objects | select(.event == \"address-conflict\" and .address == \"$1\") | .$2] | .[-1]"
}
lease () { json "$(slipway lease list --json)" "[.. | objects | select(.address? == \"$1\") | .$2] | .[0]"; }

lab_up
machine_up ahead 52:54:00:cc:00:01 "$lab_network.100"
machine_up asked 52:54:00:cc:00:02 "$lab_network.150"
machine_up client 52:54:00:cc:00:03
# ARP must do: these machines never answer an echo.
for name in ahead asked; do in_machine "$name" sysctl -q -w net.ipv4.icmp_echo_ignore_all=1; done
site_up || bail "the server did not start"

ok "while nobody asks, an address in use is found" \
  wait_line "$TEST_DIR/slipwayd.log" "address $lab_network.100 is in use by machine 52:54:00:cc:00:01" 30
is "$(event "$lab_network.100" holder_mac) $(event "$lab_network.100" how)" "52:54:00:cc:00:01 arp" "its event names the machine"
is "$(lease "$lab_network.100" state)" conflict "the list of leases shows it"

ok "a client that wants an address in use gets one" udhcpc client -r "$lab_network.150"
first=$(bound)
like "$first" "^$lab_network\.1[0-9][0-9]$" "of the pool"
is "$(case $first in *.100 | *.150) echo used ;; *) echo free ;; esac)" free "but another one"
is "$(event "$lab_network.150" mac) $(event "$lab_network.150" holder_mac)" "52:54:00:cc:00:03 52:54:00:cc:00:02" \
  "the event names both machines"

ok "a machine is registered with a reserved address that another one uses" \
  slipway host add lab-one --mac 52:54:00:cc:00:04 --address "$lab_network.42"
machine_up one 52:54:00:cc:00:04
machine_up thief 52:54:00:cc:00:05 "$lab_network.42"
ok "it gets an address all the same" udhcpc one
like "$(bound)" "^$lab_network\.1[0-9][0-9]$" "from the pool"
is "$(event "$lab_network.42" holder_mac)" 52:54:00:cc:00:05 "and the event names who has its own"
is "$(lease "$(bound)" host_name)" lab-one "the list of leases names the host"

# A page may begin after an address whose lease went away meanwhile.
page=$(in_lab curl -s --cacert "$SLIPWAY_CA" -H "Authorization: Bearer $(cat "$SLIPWAY_TOKEN_FILE")" \
  "$SLIPWAY_SERVER/api/v1/leases?limit=1&after=$lab_network.149")
is "$(json "$page" '.items[0].address')" "$lab_network.150" "leases are listed from any address on"

# Released: udhcpc -R tells the server when it is asked to end.
: > "$SCRIPT_OUT"
ip netns exec "$lab-client" busybox udhcpc -i eth0 -n -f -R -t 5 -T 1 -s "$TEST_DIR/script" > "$TEST_DIR/release.log" 2>&1 &
client_pid=$!
at_exit 'stop "$client_pid"'
ok "a client gets its address again" wait_line "$SCRIPT_OUT" "bound ip=$first" 20
kill "$client_pid"
wait "$client_pid"
ok "it gives it back" wait_line "$TEST_DIR/slipwayd.log" "DHCP RELEASE of 52:54:00:cc:00:03" 20
is "$(lease "$first" state)" released "and it is free"

# Declined: the server does not probe, so the client finds out by itself.
stop "$slipwayd_pid"
sed -i 's/"lease_time"/"probe": false, "lease_time"/' "$site/slipwayd.json"
site_start || bail "the server did not start again"
is "$(lease "$lab_network.150" state)" conflict "the conflict is still known after a restart"
machine_up late 52:54:00:cc:00:06 "$first"
ok "a client that asks by itself gets an address" udhcpc client -a
is "$(case $(bound) in "$first") echo declined ;; *) echo another ;; esac)" another "but not the one that it has declined"
is "$(event "$first" how) $(event "$first" mac)" "decline 52:54:00:cc:00:03" "the event says who declined"
done_testing

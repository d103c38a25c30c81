#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# Real DHCP clients against slipwayd: busybox, ISC, a booting machine as
# dnsmasq's helper and curl see it, Kea's perfdhcp; a restart in between.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
requires_root
requires ip busybox dhclient perfdhcp jq

# client_up NAME MAC: a machine of its own on the bridge.
client_up () {
  local ns=$lab-$1
  ip netns add "$ns"
  at_exit "ip netns delete $ns"
  in_lab ip link add "$1" type veth peer name eth0 netns "$ns"
  in_lab ip link set "$1" master br0 up
  ip -n "$ns" link set lo up
  ip -n "$ns" link set eth0 address "$2" up
}
in_client () { local ns=$lab-$1; shift; ip netns exec "$ns" "$@"; }

lab_up
site_up || bail "the server did not start"
client_up one 52:54:00:aa:00:01
client_up two 52:54:00:aa:00:02

# udhcpc prints what it was given through its script.
cat > "$TEST_DIR/script" <<'END'
#!/bin/sh
[ "$1" = deconfig ] && exit 0
echo "$1 ip=$ip mask=$mask serverid=$serverid lease=$lease siaddr=$siaddr file=$boot_file" >> "$SCRIPT_OUT"
[ -z "$ip" ] || ip address replace "$ip/$mask" dev "$interface"
END
chmod 755 "$TEST_DIR/script"
export SCRIPT_OUT=$TEST_DIR/script.out
udhcpc () {
  : > "$SCRIPT_OUT"
  in_client "$1" busybox udhcpc -i eth0 -n -q -f -t 5 -T 1 -s "$TEST_DIR/script" "${@:2}" > "$TEST_DIR/udhcpc.log" 2>&1
}

ok "udhcpc gets a lease" udhcpc one
like "$(cat "$SCRIPT_OUT")" "bound ip=$lab_network\.1[0-9][0-9] mask=24 serverid=$lab_address lease=3600" \
  "with address, mask, server and time"
first=$(sed -n 's/.*bound ip=\([0-9.]*\).*/\1/p' "$SCRIPT_OUT")
ok "it gets the same address again" udhcpc one
like "$(cat "$SCRIPT_OUT")" "bound ip=$first " "the same address"

ok "as UEFI firmware it is told a boot file" udhcpc one \
  -V PXEClient:Arch:00007:UNDI:003016 -x 0x5d:0007 -O bootfile
like "$(cat "$SCRIPT_OUT")" "siaddr=$lab_address file=local-x64.efi" "local boot, for it has no task"
like "$(grep 'DHCP ACK' "$TEST_DIR/slipwayd.log" | tail -n 1)" \
  "52:54:00:aa:00:01.*local boot 'local-x64.efi' \(x86-uefi\) because " "the log says what and why"

ok "it fetches that file" in_client one busybox tftp -g -r local-x64.efi -l "$TEST_DIR/fetched" "$lab_address"
# The worker's event reaches slipwayd a moment later than the file the client.
ok "the transfer's event comes" wait_line "$TEST_DIR/slipwayd.log" "has received 'local-x64.efi'" 10
events=$(slipway event list --json)
event () { json "$events" "[.. | objects | select(.event == \"$1\") | .$2] | .[-1]"; }
is "$(event host-boot mac) $(event host-boot answer)" "52:54:00:aa:00:01 local boot" "an event says that its firmware was answered"
is "$(event transfer-done mac)" 52:54:00:aa:00:01 "and another that it has the file"

cat > "$TEST_DIR/dhclient.conf" <<END
timeout 15;
END
ok "dhclient gets a lease" in_client two dhclient -4 -1 -v -sf /bin/true -cf "$TEST_DIR/dhclient.conf" \
  -lf "$TEST_DIR/dhclient.leases" -pf "$TEST_DIR/dhclient.pid" eth0
at_exit 'stop "$(cat "$TEST_DIR/dhclient.pid" 2> /dev/null)"'
second=$(sed -n 's/.*fixed-address \([0-9.]*\);/\1/p' "$TEST_DIR/dhclient.leases" | tail -n 1)
ok "another address than the first machine's" test "$second" != "$first" -a -n "$second"

ok "a reservation is made" slipway host add lab-one --mac 52:54:00:aa:00:01 --address "$lab_network.42"
ok "the machine asks again" udhcpc one
like "$(cat "$SCRIPT_OUT")" "bound ip=$lab_network\.42 " "and has its reserved address"
ok "another reservation, in the pool" slipway host add lab-three --mac 52:54:00:aa:00:03 --address "$lab_network.150"
leases=$(slipway lease list --json)
is "$(json "$leases" '[.. | objects | select(.mac == "52:54:00:aa:00:01") | .address] | .[0]')" "$lab_network.42" \
  "the command line lists the lease"

site_kill
site_start || bail "the server did not start again"
ok "after kill -9 the first machine gets a lease" udhcpc one
like "$(cat "$SCRIPT_OUT")" "bound ip=$lab_network\.42 " "with its reserved address"
is "$(grep -c "bound $second " "$site/state/leases.log")" 1 "the other machine's lease is still known"

stop "$(cat "$TEST_DIR/dhclient.pid")"
ip -n "$lab-two" address replace "$lab_network.60/24" dev eth0
ok "perfdhcp gets every lease that it asks for" in_client two perfdhcp -4 -l eth0 -R 50 -n 50 -r 50 -W 500000
done_testing

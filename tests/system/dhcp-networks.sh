#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# Two interfaces and a network behind a relay: each machine gets an address of
# its own network and is told our address there.  An interface that is not
# named is not served.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
requires_root
requires busybox curl dhcrelay ip jq python3

# network_up NAME NUMBER: a cable from slipwayd, 10.78.NUMBER.1, to a machine.
network_up () {
  local ns=$lab-$1
  ip netns add "$ns"
  at_exit "ip netns delete $ns"
  in_lab ip link add "$1" type veth peer name eth0 netns "$ns"
  in_lab ip address add "10.78.$2.1/24" dev "$1"
  in_lab ip link set "$1" up
  ip -n "$ns" link set lo up
  ip -n "$ns" link set eth0 up
}
in_machine () { local ns=$lab-$1; shift; ip netns exec "$ns" "$@"; }
# A further machine behind MACHINE, which is its router.
behind_up () {
  ip netns add "$lab-behind"
  at_exit "ip netns delete $lab-behind"
  ip -n "$lab-$1" link add inner type veth peer name eth0 netns "$lab-behind"
  ip -n "$lab-$1" address add 10.78.9.254/24 dev inner
  ip -n "$lab-$1" link set inner up
  ip -n "$lab-behind" link set lo up
  ip -n "$lab-behind" link set eth0 up
  in_machine "$1" sh -c 'echo 1 > /proc/sys/net/ipv4/ip_forward'
}

lab_up
network_up one 1
network_up two 2
network_up three 3
behind_up two
ip -n "$lab-two" address add 10.78.2.2/24 dev eth0
in_lab ip route add 10.78.9.0/24 via 10.78.2.2

site_interfaces='"one", "two"'
site_address=10.78.1.1
site_dhcp='"subnets": [
  {"network": "10.78.1.0/24", "pools": [{"first": "10.78.1.100", "last": "10.78.1.199"}]},
  {"network": "10.78.2.0/24", "pools": [{"first": "10.78.2.100", "last": "10.78.2.199"}]},
  {"network": "10.78.9.0/24", "pools": [{"first": "10.78.9.100", "last": "10.78.9.199"}], "router": "10.78.9.254"}]'
site_up || bail "the server did not start"

printf '#!/bin/sh\n[ "$1" = deconfig ] && exit 0\n%s\n%s\n' \
  'echo "$1 ip=$ip serverid=$serverid siaddr=$siaddr router=$router file=$boot_file" > "$SCRIPT_OUT"' \
  'ip address replace "$ip/$mask" dev "$interface"; [ -z "$router" ] || ip route replace default via "$router"' > "$TEST_DIR/script"
chmod 755 "$TEST_DIR/script"
export SCRIPT_OUT=$TEST_DIR/script.out
udhcpc () {
  : > "$SCRIPT_OUT"
  in_machine "$1" busybox udhcpc -i eth0 -n -q -f -t "${2:-5}" -T 1 -s "$TEST_DIR/script" \
    -V PXEClient:Arch:00007:UNDI:003016 -x 0x5d:0007 -O bootfile > "$TEST_DIR/udhcpc.log" 2>&1
}
fetch () { in_machine "$1" busybox tftp -g -r local-x64.efi -l "$TEST_DIR/fetched" "$2"; }

ok "a machine on the first interface gets a lease" udhcpc one
like "$(cat "$SCRIPT_OUT")" "ip=10\.78\.1\.1[0-9][0-9] serverid=10\.78\.1\.1 siaddr=10\.78\.1\.1 .* file=local-x64.efi" "with our address there"
ok "where it fetches its boot file" fetch one 10.78.1.1
ok "a machine on the second interface gets a lease" udhcpc two
like "$(cat "$SCRIPT_OUT")" "ip=10\.78\.2\.1[0-9][0-9] serverid=10\.78\.2\.1 siaddr=10\.78\.2\.1 .* file=local-x64.efi" "with our address there"
ok "where it fetches its boot file" fetch two 10.78.2.1
ok "boot files over HTTP are there too" in_machine two curl -fsS -o /dev/null http://10.78.2.1:7080/boot/local-x64.efi
not_ok "a machine on an interface that is not named gets nothing" udhcpc three 2
not_ok "not even by TFTP" timeout 3 ip netns exec "$lab-three" busybox tftp -g -r local-x64.efi -l "$TEST_DIR/fetched" 10.78.3.1

answer=$(in_machine two "$top_srcdir/tests/lib/dhcp-client" eth0 52:54:00:12:34:56 inform 10.78.2.2)
is "$(json "$answer" .servers)" 10.78.2.1:7443 "an engine on the second interface finds us there"

# A relay that says by which of its circuits the machine is heard (option 82);
# it drops answers that do not bring that back.
in_machine two dhcrelay -4 -d -a -pf "$TEST_DIR/relay.pid" -id inner -iu eth0 10.78.2.1 > "$TEST_DIR/relay.log" 2>&1 < /dev/null &
relay_pid=$!
at_exit "stop $relay_pid"
wait_line "$TEST_DIR/relay.log" 'Sending on +Socket' 10 || bail "no relay: $(cat "$TEST_DIR/relay.log")"
ok "a machine behind a relay with option 82 gets a lease" udhcpc behind
like "$(cat "$SCRIPT_OUT")" "ip=10\.78\.9\.1[0-9][0-9] serverid=10\.78\.2\.1 siaddr=10\.78\.2\.1 router=10\.78\.9\.254 file=local-x64.efi" \
  "of its own network, with our address on the way to it"
ok "where it fetches its boot file" fetch behind 10.78.2.1
done_testing

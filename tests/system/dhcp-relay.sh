#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# A network behind a relay (dnsmasq): an address that a machine there uses is
# found by ICMP echo, through the router, before it is offered.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
PATH=$PATH:/usr/sbin:/sbin
requires_root
requires ip busybox jq dnsmasq

far=10.78.0
router=$lab-router
# behind NAME MAC [ADDRESS]: a machine on the router's far side.
behind () {
  local ns=$lab-$1
  ip netns add "$ns"
  at_exit "ip netns delete $ns"
  ip -n "$router" link add "$1" type veth peer name eth0 netns "$ns"
  ip -n "$router" link set "$1" master far up
  ip -n "$ns" link set eth0 address "$2" up
  [ -z "${3-}" ] || ip -n "$ns" address add "$3/24" dev eth0
  [ -z "${3-}" ] || ip -n "$ns" route add default via "$far.1"
}

lab_up
ip netns add "$router"
at_exit 'ip netns delete "$router"'
in_lab ip link add near type veth peer name eth0 netns "$router"
in_lab ip link set near master br0 up
ip -n "$router" link set lo up
ip -n "$router" address add "$lab_network.2/24" dev eth0
ip -n "$router" link set eth0 up
ip -n "$router" link add far type bridge forward_delay 0
ip -n "$router" address add "$far.1/24" dev far
ip -n "$router" link set far up
ip netns exec "$router" sysctl -q -w net.ipv4.ip_forward=1
in_lab ip route add "$far.0/24" via "$lab_network.2"
behind holder 52:54:00:dd:00:01 "$far.100"
behind client 52:54:00:dd:00:02

site_configure () {
  cat > "$site/slipwayd.json" <<END
{
  "state_dir": "$site/state", "user": "$site_uid", "address": "$lab_address", "interfaces": ["br0"],
  "dhcp": {"subnets": [
    {"network": "$lab_network.0/24", "pools": [{"first": "$lab_network.100", "last": "$lab_network.199"}]},
    {"network": "$far.0/24", "router": "$far.1", "pools": [{"first": "$far.100", "last": "$far.199"}]}]}
}
END
}
site_up || bail "the server did not start"
ip netns exec "$router" dnsmasq --keep-in-foreground --conf-file=/dev/null --pid-file= --user=root --port=0 \
  --interface=far --interface=eth0 --dhcp-relay="$far.1,$lab_address" > "$TEST_DIR/relay.log" 2>&1 &
relay_pid=$!
at_exit 'stop "$relay_pid"'

cat > "$TEST_DIR/script" <<'END'
#!/bin/sh
[ -z "$ip" ] || echo "$1 ip=$ip router=$router" >> "$SCRIPT_OUT"
END
chmod 755 "$TEST_DIR/script"
export SCRIPT_OUT=$TEST_DIR/script.out
: > "$SCRIPT_OUT"
ok "a machine behind the relay gets an address" ip netns exec "$lab-client" \
  busybox udhcpc -i eth0 -n -q -f -t 10 -T 1 -s "$TEST_DIR/script"
like "$(cat "$SCRIPT_OUT")" "bound ip=$far\.1[0-9][0-9] router=$far\.1" "of its own network"
is "$(grep -c "ip=$far.100 " "$SCRIPT_OUT")" 0 "but not the one that another machine uses"
ok "which was found before the offer" \
  wait_line "$TEST_DIR/slipwayd.log" "address $far.100 is in use by an unknown machine, as a probe found" 10
is "$(json "$(slipway event list --json)" '[.. | objects | select(.event? == "address-conflict") | .how] | join(" ")')" icmp \
  "by an echo"
done_testing

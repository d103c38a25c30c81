# SPDX-License-Identifier: Apache-2.0
# Another DHCP server on the laboratory's bridge, a machine of its own that
# gives the addresses and knows nothing of booting, unless dnsmasq is told by
# further options in $dnsmasq_options.  Source functions.sh and lab.sh first.
#
#   foreign_up dnsmasq|kea    $foreign_address gives $lab_network.100 to .199
#   foreign_down

foreign=
foreign_pid=
foreign_address=$lab_network.2
dnsmasq_options=()

foreign_dnsmasq () {
  ip netns exec "$foreign" dnsmasq --keep-in-foreground --conf-file=/dev/null --user=root --port=0 \
    --interface=eth0 --bind-interfaces --log-dhcp --log-facility=- --dhcp-authoritative --pid-file= \
    --dhcp-leasefile="$TEST_DIR/dnsmasq.leases" --dhcp-range="$lab_network.100,$lab_network.199,255.255.255.0,1h" \
    "${dnsmasq_options[@]}" > "$TEST_DIR/foreign.log" 2>&1 < /dev/null &
  foreign_pid=$!
  wait_line "$TEST_DIR/foreign.log" 'DHCP, IP range' 10
}

foreign_kea () {
  cat > "$TEST_DIR/kea.json" <<END
{"Dhcp4": {
  "interfaces-config": {"interfaces": ["eth0"]},
  "lease-database": {"type": "memfile", "persist": false},
  "authoritative": true, "valid-lifetime": 3600,
  "subnet4": [{"subnet": "$lab_network.0/24", "pools": [{"pool": "$lab_network.100 - $lab_network.199"}]}],
  "loggers": [{"name": "kea-dhcp4", "severity": "DEBUG", "debuglevel": 50, "output_options": [{"output": "stdout", "flush": true}]}]
}}
END
  KEA_PIDFILE_DIR=$TEST_DIR KEA_LOCKFILE_DIR=none ip netns exec "$foreign" kea-dhcp4 -c "$TEST_DIR/kea.json" \
    > "$TEST_DIR/foreign.log" 2>&1 < /dev/null &
  foreign_pid=$!
  wait_line "$TEST_DIR/foreign.log" 'DHCP4_STARTED' 20
}

foreign_up () {
  foreign=$lab-foreign
  ip netns add "$foreign"
  at_exit foreign_down
  in_lab ip link add foreign type veth peer name eth0 netns "$foreign"
  in_lab ip link set foreign master br0 up
  ip -n "$foreign" link set lo up
  ip -n "$foreign" address add "$foreign_address/24" dev eth0
  ip -n "$foreign" link set eth0 up
  "foreign_$1" || { tail -n 20 "$TEST_DIR/foreign.log" >&2; return 1; }
}

foreign_down () {
  [ -z "$foreign" ] || {
    [ -z "$foreign_pid" ] || stop "$foreign_pid"
    # With its namespace alone the port would go some time later.
    in_lab ip link delete foreign
    ip netns delete "$foreign"
  }
  foreign= foreign_pid=
}

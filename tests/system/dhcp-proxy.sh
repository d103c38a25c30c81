#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 240
# Beside a foreign DHCP server, dnsmasq and then Kea: that one gives the
# addresses, slipwayd tells firmware what to boot, and the engine finds its
# server although the other one answers it too.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/engine.sh"
. "$top_srcdir/tests/lib/foreign-dhcp.sh"
requires_root
requires busybox curl dnsmasq ip jq kea-dhcp4 python3

lab_up
cabled_target
server_members='"interfaces": ["br0"], "dhcp": {"mode": "proxy", "proxy_style": {"x86-uefi": "boot-server"}}'
server_init
server_start
add_host lab-01
add_profile inventory '[{"action":"inventory"}]'

# udhcpc prints what it was given through its script.
printf '#!/bin/sh\n[ "$1" = deconfig ] || echo "$1 ip=$ip serverid=$serverid siaddr=$siaddr" >> "$SCRIPT_OUT"\n' > "$TEST_DIR/script"
chmod 755 "$TEST_DIR/script"
export SCRIPT_OUT=$TEST_DIR/script.out

in_target () { ip netns exec "$target" "$@"; }
# firmware KIND: boots as that kind; its findings are in $boot.
firmware () {
  boot=$(in_target "$top_srcdir/tests/lib/dhcp-client" eth0 "$host_mac" proxy "$1" 2> "$TEST_DIR/firmware.err") ||
    { cat "$TEST_DIR/firmware.err" "$TEST_DIR/slipwayd.log" >&2; return 1; }
}
# style STYLE: the host's own.
style () {
  slipway host change lab-01 --label "proxy-style=$1" > "$TEST_DIR/style.log" 2>&1 || bail "$(cat "$TEST_DIR/style.log")"
}
told () { json "$boot" "$1"; }

beside () {
  local name=$1
  foreign_up "$name" || bail "$name did not start"
  in_target ip address flush dev eth0
  : > "$SCRIPT_OUT"
  ok "$name: an ordinary client gets a lease" in_target busybox udhcpc -i eth0 -n -q -f -t 5 -T 2 -s "$TEST_DIR/script"
  like "$(cat "$SCRIPT_OUT")" "ip=$lab_network\.1[0-9][0-9] serverid=$foreign_address" "$name: from that server"

  ok "$name: UEFI firmware boots" firmware uefi
  is "$(told '"\(.server) \(.offers) \(.acks)"')" "$foreign_address 2 1" "$name: two offers, and one server that gives the address"
  is "$(told '.proxy | "\(.server) \(.siaddr) \(.class) \(.vendor)"')" "$lab_address $lab_address PXEClient " \
    "$name: the proxy offer sends it to port 4011"
  is "$(told '.boot | "\(.file) \(.siaddr)"')" "local-x64.efi $lab_address" "$name: where it learns its boot file"
  is "$(told .boot.yiaddr)" "$(told .address)" "$name: and keeps its address"
  ok "$name: UEFI HTTP boot" firmware http
  is "$(told '.proxy | "\(.class) \(.file)"')" "HTTPClient http://$lab_address:$http_port/boot/local-x64.efi" "$name: is told a URL"
  ok "$name: that URL is there" in_target curl -fsS -o /dev/null "$(told .proxy.file)"
  style direct
  ok "$name: a host with the label proxy-style=direct boots" firmware uefi
  is "$(told '.proxy | "\(.file) \(.vendor)"')" "local-x64.efi 060108ff" "$name: it is told its file in the offer"
  style boot-server

  in_target ip address replace "$lab_network.50/24" dev eth0
  start_task inventory
  run_engine --interface eth0
  engine_end
  is "$engine_status" 0 "$name: the engine finds its server"
  like "$(screen)" "server +$lab_address:$tls_port" "$name: which is slipwayd"
  like "$(task_get .state)" '^(leaving|succeeded)$' "$name: and does its task with its ticket"
  foreign_down
}

beside dnsmasq
like "$(cat "$TEST_DIR/foreign.log")" "DHCPACK\(eth0\) $lab_network|DHCPINFORM" "dnsmasq has heard all of that"
beside kea

like "$(grep 'DHCP OFFER' "$TEST_DIR/slipwayd.log" | head -n 1)" \
  "$host_mac.*: proxy: local boot 'local-x64.efi' on port 4011 \(x86-uefi\) because " "the log says what and why"
is "$(grep -c 'DHCP NAK' "$TEST_DIR/slipwayd.log")" 0 "slipwayd refused nobody"
done_testing

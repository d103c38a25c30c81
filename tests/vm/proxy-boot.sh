#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# UEFI firmware beside dnsmasq: an address from there, the boot file from us,
# by way of port 4011.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/foreign-dhcp.sh"
. "$top_srcdir/tests/lib/proxy.sh"
requires qemu-system-x86_64 jq dnsmasq
requires_root

proxy_up dnsmasq
ok "UEFI firmware beside dnsmasq has its boot file" proxy_boots vm local-x64.efi
like "$proxy_log" "DHCP OFFER to $(lab_mac vm): proxy: local boot 'local-x64.efi' on port 4011" "our offer sends it to port 4011"
like "$proxy_log" "DHCP ACK to $(lab_mac vm): local boot 'local-x64.efi'" "where it is told the file"
like "$(cat "$TEST_DIR/foreign.log")" "DHCPACK\(eth0\) $lab_network.* $(lab_mac vm)" "its address is from dnsmasq"
done_testing

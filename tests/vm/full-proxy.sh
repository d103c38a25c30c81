#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 1500
# Every kind of firmware that we have, in every style that it knows, beside
# dnsmasq and beside Kea.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/foreign-dhcp.sh"
. "$top_srcdir/tests/lib/proxy.sh"
requires qemu-system-x86_64 jq dnsmasq kea-dhcp4
requires_root

# Straight to HTTP boot, without the ways that come first in the boot order.
http_only=(-fw_cfg name=opt/org.tianocore/IPv4PXESupport,string=n
  -fw_cfg name=opt/org.tianocore/IPv6PXESupport,string=n)

beside () {
  ok "$1: UEFI in the style boot-server" proxy_boots "$1-a" local-x64.efi
  like "$proxy_log" "proxy: local boot 'local-x64.efi' on port 4011" "$1: its file comes on port 4011"
  ok "$1: the next machine is to have the style direct" slipway host add "$1-b" --mac "$(lab_mac "$1-b")" --label proxy-style=direct
  ok "$1: UEFI in the style direct" proxy_boots "$1-b" local-x64.efi
  like "$proxy_log" "proxy: local boot 'local-x64.efi' \(" "$1: its file is in our offer"
  not_ok "$1: and it does not ask port 4011" grep -q "DHCP ACK" <<< "$proxy_log"
  ok "$1: UEFI HTTP boot" proxy_boots "$1-c" local-x64.efi "${http_only[@]}"
  like "$proxy_log" "asks for 'local-x64.efi' by HTTP" "$1: its file comes by HTTP"
  ok "$1: a BIOS with iPXE as its ROM" proxy_boots_bios "$1-d" x86-bios-disk.ipxe
  if [ -e "$SLIPWAY_CACHE/ipxe/slipway.ipxe" ]; then
    like "$proxy_log" "has received 'undionly.kpxe'" "$1: is given our loader"
  else
    not_ok "$1: is given the script itself, which our loader has not inside" grep -q undionly.kpxe <<< "$proxy_log"
  fi
}

proxy_up dnsmasq
beside dnsmasq
foreign_down
foreign_up kea || bail "kea did not start"
beside kea
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# local-x64.efi's last way: an entry of the boot order means the disk, and only
# the firmware can start it.  BootNext and a reset: the network is first in the
# boot order, and the disk starts without it.  What the program cannot start is
# a loader that is not there yet.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
requires qemu-system-x86_64 mcopy mdel
requires_root
requires_cache debian-12.img linux-image.deb

lab_up
site_up || bail "no site"
slipway host add vm --mac "$(lab_mac vm)" > /dev/null || bail "no host"
disk=$TEST_DIR/disk.img
cp --sparse=always "$SLIPWAY_CACHE/debian-12.img" "$disk"
loader=::EFI/BOOT/BOOTX64.EFI
mcopy -i "$disk@@1M" "$loader" "$TEST_DIR/loader.efi" || bail "the image has no loader"
mdel -i "$disk@@1M" "$loader"
deploy_name=unnamed # what the image itself is called

lab_machine vm "$disk"
ok "a disk without a loader: the machine is reset" lab_wait_stopped vm 200
like "$(tr -d '\r\0' < "$TEST_DIR/vm.console")" 'it did not start' "the program could not start the disk's entry"
like "$(tr -d '\r\0' < "$TEST_DIR/vm.console")" 'resetting, so that the firmware starts it' "and left it to the firmware"

mcopy -i "$disk@@1M" "$TEST_DIR/loader.efi" "$loader" || bail "no room for the loader"
asked=$(grep -c 'DHCP' "$TEST_DIR/slipwayd.log")
marks=$(wc -c < "$TEST_DIR/vm.console")
ok "the machine goes on from its firmware" lab_reset vm
ok "the disk starts" deploy_login vm "$marks" 240
is "$(grep -c 'DHCP' "$TEST_DIR/slipwayd.log")" "$asked" "and the network, which is first, was not asked before"
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 900
# The whole length: a machine with an empty disk is powered on, boots over the
# network, is inventoried, runs a vendor's action, gets a Debian, and boots
# that from its own disk.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
requires qemu-system-x86_64 jq e2fsck sfdisk
requires_root
requires_cache debian-12.img linux-image.deb

lab_up
ok "a site is made and slipwayd starts" site_up
ok "the engine is built and uploaded" site_engine
ok "the image is imported" slipway image import debian-12 "$SLIPWAY_CACHE/debian-12.img"
ok "the vendor's action is built from the template" deploy_vendor_action
ok "the vendor's action is enabled" slipway plugin enable action hello
ok "the profile is accepted" deploy_profile hello
ok "the host is registered" slipway host add "$deploy_name" --mac "$(lab_mac vm)"
ok "the task starts" deploy_start

deploy_disk "$TEST_DIR/disk.img"
lab_machine vm "$TEST_DIR/disk.img" -smbios "type=1,manufacturer=Acme,product=Rocket 9,serial=R9-0001"
ok "the task succeeds" deploy_wait 600
ok "the engine resets the machine" lab_wait_stopped vm 120
ok "every chunk outside of the personalised ranges is the image's" deploy_compare "$TEST_DIR/disk.img"

slipway host inventory "$deploy_name" --json > "$TEST_DIR/inventory.json"
inventory () { jq -r "$1" "$TEST_DIR/inventory.json"; }
is "$(inventory '.firmware.kind')" uefi "inventory: the kind of firmware"
is "$(inventory '.system.serial')" R9-0001 "inventory: the machine's serial number"
is "$(inventory '[.disks[] | select(.serial == "VM-DISK") | .size_bytes][0]')" $((2 << 30)) "inventory: the disk with its serial and size"
is "$(inventory '[.ports[] | select(.mac == "'"$(lab_mac vm)"'") | .driver][0]')" virtio_net "inventory: the network port with its driver"

is "$(inventory '[.ports[] | .link] | unique | tostring')" '[true]' "inventory: the port's link, which the first version never saw"
slipway task show "$deploy_task" --json > "$TEST_DIR/task.json"
like "$(jq -c '[.. | objects | select(.action? == "hello")]' "$TEST_DIR/task.json")" 'greeting|hello' "the vendor's step has its result"

marks=$(wc -c < "$TEST_DIR/vm.console")
ok "the machine goes on from its firmware" lab_reset vm
ok "the installed system shows its login prompt" deploy_login vm "$marks" 300
like "$(tail -c "+$marks" "$TEST_DIR/vm.console" | tr -d '\r\0')" "$deploy_marker" "the prompt has this run's marker"
done_testing

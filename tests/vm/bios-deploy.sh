#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 900
# The whole length on a BIOS machine: the card's ROM loads undionly.kpxe by
# TFTP, that loads a script and the engine by HTTP, a Debian is installed, and
# the machine starts it from its own disk through the same two steps.
. "${top_srcdir:-.}/tests/lib/functions.sh"
lab_firmware=bios
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
requires qemu-system-x86_64 jq e2fsck sfdisk
requires_root
requires_plugin arch x86-bios
requires_cache debian-12.img linux-image.deb

lab_up
ok "a site is made and slipwayd starts" site_up
ok "the engine is built and uploaded" site_engine
ok "the image is imported" slipway image import debian-12 "$SLIPWAY_CACHE/debian-12.img"
ok "the profile is accepted" deploy_profile
ok "the host is registered" slipway host add "$deploy_name" --mac "$(lab_mac vm)"
ok "the task starts" deploy_start

deploy_disk "$TEST_DIR/disk.img"
lab_machine vm "$TEST_DIR/disk.img"
ok "the task succeeds" deploy_wait 600
ok "the engine resets the machine" lab_wait_stopped vm 120
ok "every chunk outside of the personalised ranges is the image's" deploy_compare "$TEST_DIR/disk.img"

seen () { tr -d '\r\0' < "$TEST_DIR/vm.console"; }
like "$(cat "$TEST_DIR/slipwayd.log")" "received 'undionly.kpxe'" "the ROM, an iPXE itself, was given our loader by TFTP"
like "$(seen)" 'http://[0-9.]*:[0-9]*/boot/x86-bios-engine.ipxe' "the loader was given the engine's script by HTTP"
like "$(seen)" 'Slipway: loading the engine for x86_64' "the script found a processor with 64 bits"
is "$(slipway host show "$deploy_name" --json | jq -r .arch)" x86-bios "the host's firmware is known"
is "$(slipway host inventory "$deploy_name" --json | jq -r .firmware.kind)" bios "inventory: the kind of firmware"

marks=$(wc -c < "$TEST_DIR/vm.console")
ok "the machine goes on from its firmware" lab_reset vm
ok "the installed system shows its login prompt" deploy_login vm "$marks" 300
like "$(tail -c "+$marks" "$TEST_DIR/vm.console" | tr -d '\r\0')" "$deploy_marker" "the prompt has this run's marker"
like "$(tail -c "+$marks" "$TEST_DIR/vm.console" | tr -d '\r\0')" 'boot/x86-bios-disk.ipxe' "it went to its disk by the script for that"
done_testing

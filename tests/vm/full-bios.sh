#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 1800
# What BIOS machines have beyond one deployment: ten power-ons without a task
# reach the disk, each within seconds; a processor with 32 bits is given its
# own engine, is installed, and starts what was installed; and the same loader
# serves a UEFI machine that cannot take the unified image.
. "${top_srcdir:-.}/tests/lib/functions.sh"
lab_firmware=bios
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
requires qemu-system-x86_64 qemu-system-i386 jq e2fsck sfdisk
requires_root
requires_plugin arch x86-bios
requires_cache debian-12.img debian-12-i386.img linux-image.deb linux-image-i686.deb sysroot-i386

seen () { tr -d '\r\0' < "$TEST_DIR/$1.console"; }

# Each time a machine of its own: one that is reset from outside can stay in
# its BIOS, which no power-on does.
power_ons () {
  local round
  cp --sparse=always "$SLIPWAY_CACHE/debian-12.img" "$TEST_DIR/disk.img"
  deploy_name=unnamed # what the image itself is called
  for round in $(seq "${POWER_ONS:-10}"); do
    rm -f "$TEST_DIR"/vm.{console,qmp} # the last one's would be taken for its own
    lab_machine vm "$TEST_DIR/disk.img"
    if deploy_login vm 0 240; then
      pass "power-on $round reaches the disk"
    else
      fail "power-on $round reaches the disk" "$(tail -n 5 "$TEST_DIR/vm.console" | tr -d '\r\0')"
    fi
    like "$(seen vm)" 'boot/x86-bios-disk.ipxe' "power-on $round was sent to its disk by our script"
    stop "$machine_pid"
  done
}

narrow () {
  local marks
  lab_cpu=pentium3
  deploy_disk "$TEST_DIR/narrow.img"
  lab_machine narrow "$TEST_DIR/narrow.img"
  ok "32 bits: the task succeeds" deploy_wait 900
  like "$(seen narrow)" 'Slipway: loading the engine for i686' "32 bits: the script found such a processor"
  is "$(slipway host inventory "$deploy_name" --json | jq -r .firmware.kind)" bios "32 bits: its inventory is here"
  ok "32 bits: the engine resets the machine" lab_wait_stopped narrow 120
  ok "32 bits: every chunk outside of the personalised ranges is the image's" deploy_compare "$TEST_DIR/narrow.img"
  marks=$(wc -c < "$TEST_DIR/narrow.console")
  lab_reset narrow
  ok "32 bits: the installed system shows its login prompt" deploy_login narrow "$marks" 400
  like "$(tail -c "+$marks" "$TEST_DIR/narrow.console" | tr -d '\r\0')" "$deploy_marker" "32 bits: with this run's marker"
  stop "$machine_pid"
  lab_cpu=max
}

# What a UEFI machine does whose firmware is told to load iPXE first.
chained () {
  lab_firmware=uefi
  cat > "$TEST_DIR/look.json" <<'END'
{ "name": "look", "steps": [{"action": "inventory"}], "then": "poweroff" }
END
  slipway profile add "$TEST_DIR/look.json" > /dev/null &&
    slipway host add chained --mac "$(lab_mac chained)" --label boot-loader=ipxe > /dev/null || return 1
  lab_machine chained ""
  ok "UEFI through iPXE: the task succeeds" slipway task start look --hosts chained --wait
  like "$(cat "$TEST_DIR/slipwayd.log")" "received 'snponly.efi'" "UEFI through iPXE: the firmware was given snponly.efi"
  stop "$machine_pid"
}

lab_up
site_up i686 || bail "no site"
slipway host add vm --mac "$(lab_mac vm)" > /dev/null || bail "no host"
power_ons

ok "both engines are built and uploaded" eval 'site_engine && site_engine_i686'
slipway image import debian-12 "$SLIPWAY_CACHE/debian-12-i386.img" || bail "no image"
deploy_profile > /dev/null && slipway host add "$deploy_name" --mac "$(lab_mac narrow)" && deploy_start || bail "no task"
narrow
chained
done_testing

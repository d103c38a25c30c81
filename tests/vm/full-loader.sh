#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 1500
# slipway.ipxe, the script inside our loader, run by a real iPXE: it says by
# its class that it is ours and goes on by HTTP; when the server does not
# answer, it says so and the machine starts its own disk.  dnsmasq hands it
# out, as a file, to an iPXE that has not got it inside.
. "${top_srcdir:-.}/tests/lib/functions.sh"
lab_firmware=bios
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
. "$top_srcdir/tests/lib/foreign-dhcp.sh"
requires qemu-system-x86_64 jq dnsmasq
requires_root
requires_plugin arch x86-bios
requires_cache debian-12.img linux-image.deb ipxe
site_dhcp=
deploy_name=unnamed # what the image itself is called

seen () { tr -d '\r\0' < "$TEST_DIR/$1.console"; }
# handed_out: until a machine has loaded the script.
handed_out () { wait_line "$TEST_DIR/foreign.log" 'sent /.*/slipway.ipxe to' 180; }
# gives_up MACHINE WHY: what it says in its three rounds.
gives_up () {
  local round
  for round in 1 2 3; do
    like "$(seen "$1" | tr -d '\n')" "Slipway: round $round of 3 failed: $2, network card $(lab_mac "$1")" "$1: round $round says why it failed"
  done
  like "$(seen "$1")" "Slipway: the server could not be reached, this machine starts its own disk" "$1: and that it gives up"
}

boot_server () {
  mkdir -p "$TEST_DIR/tftp"
  cp "$top_srcdir/plugins/arch/slipway.ipxe" "$SLIPWAY_CACHE/ipxe/undionly.kpxe" "$SLIPWAY_CACHE/ipxe/snponly.efi" "$TEST_DIR/tftp/"
  # The ROM's class is iPXE.  Its answer names another one, which undionly.kpxe
  # takes over and the script must replace; snponly.efi says iPXE as well.
  dnsmasq_options=(--enable-tftp --tftp-root="$TEST_DIR/tftp"
    --dhcp-match=set:uefi,93,7 --dhcp-userclass=set:ipxe,iPXE --dhcp-userclass=set:bare,bare --dhcp-userclass=set:ours,slipway
    --dhcp-boot=tag:!uefi,tag:ipxe,undionly.kpxe --dhcp-option-force=tag:!uefi,tag:ipxe,77,bare
    --dhcp-boot=tag:bare,slipway.ipxe
    --dhcp-boot=tag:uefi,tag:!ipxe,tag:!ours,snponly.efi --dhcp-boot=tag:uefi,tag:ipxe,slipway.ipxe
    --dhcp-boot=tag:ours,"http://$lab_address:7080/boot/x86-bios-engine.ipxe"
    --dhcp-option-force=vendor:SlipwayEngine,1,"$lab_address:7443")
  foreign_up dnsmasq
}

# To the engine and through a task; the rendezvous is dnsmasq's too, so that
# there is no ticket and an admin approves the machine by its code.
goes_on () {
  local code
  cat > "$TEST_DIR/look.json" <<'END'
{ "name": "look", "steps": [{"action": "inventory"}], "then": "poweroff" }
END
  slipway profile add "$TEST_DIR/look.json" > /dev/null &&
    slipway host add forth --mac "$(lab_mac forth)" > /dev/null &&
    slipway task start look --hosts forth --json > "$TEST_DIR/start.json" || bail "no task"
  deploy_batch=$(json "$TEST_DIR/start.json" .id) deploy_task=$(json "$TEST_DIR/start.json" '.tasks[0].task')
  lab_machine forth ""
  ok "the engine shows a code" wait_line "$TEST_DIR/forth.console" "slipway host approve forth '.*'" 300
  code=$(seen forth | sed -n "s/.*slipway host approve forth '\(.*\)'.*/\1/p" | head -n 1)
  ok "which is approved" slipway host approve forth "$code"
  ok "the task succeeds" deploy_wait 300
  like "$(tr -d '\0' < "$TEST_DIR/foreign.log")" 'user class: bare' "an iPXE with another class was given the script"
  like "$(tr -d '\0' < "$TEST_DIR/foreign.log")" 'user class: slipway' "which asks again as our loader"
  like "$(seen forth)" "http://$lab_address:7080/boot/x86-bios-engine.ipxe" "and loads the engine's script by HTTP"
  like "$(seen forth)" 'Slipway: loading the engine for x86_64' "which starts the engine"
  stop "$machine_pid"
}

# starts_disk MACHINE: it gets there after all.
starts_disk () { ok "$1: its disk is started" deploy_login "$1" 0 600; }

lab_up
cp --sparse=always "$SLIPWAY_CACHE/debian-12.img" "$TEST_DIR/disk.img"
boot_server || bail "dnsmasq did not start"
lab_machine alone "$TEST_DIR/disk.img"
ok "alone: the script is loaded" handed_out
foreign_down
starts_disk alone
gives_up alone "no DHCP server answered"
stop "$machine_pid"

site_up || bail "no site"
ok "the engine is built and uploaded" site_engine
boot_server || bail "dnsmasq did not start again"
goes_on

# Under UEFI with the DHCP server alive and ours dead.  Its firmware goes on
# with its next way to boot, the card's others before the disk.
lab_firmware=uefi
site_kill
: > "$TEST_DIR/foreign.log"
lab_machine uefi "$TEST_DIR/disk.img" -fw_cfg name=opt/org.tianocore/IPv6PXESupport,string=n
ok "uefi: the script is loaded" handed_out
starts_disk uefi
gives_up uefi "'http://$lab_address:7080/boot/x86-bios-engine.ipxe' could not be loaded or started"
stop "$machine_pid"
done_testing

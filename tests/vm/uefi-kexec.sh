#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# The installed Debian is entered by kexec: from the engine's last report to
# the login prompt without the firmware.  Its disk has a kernel and a grub.cfg
# on ext4, and nothing that firmware could start.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
requires qemu-system-x86_64 jq mcopy mdel objcopy sfdisk debugfs blkid
requires_root
requires_cache debian-12.img linux-image.deb

# grub_disk FILE: the cached image, its unified kernel image taken apart.
grub_disk () {
  local sector place part loader=::EFI/BOOT/BOOTX64.EFI
  cp --sparse=always "$SLIPWAY_CACHE/debian-12.img" "$1"
  mcopy -i "$1@@1M" "$loader" "$TEST_DIR/loader.efi" && mdel -i "$1@@1M" "$loader" || return 1
  for part in linux initrd; do
    objcopy -O binary --only-section=".$part" "$TEST_DIR/loader.efi" "$TEST_DIR/$part" || return 1
  done
  sector=$(sfdisk --json "$1" | jq '.partitiontable.partitions[] | select(.name == "root") | .start')
  place=$((sector * 512))
  cat > "$TEST_DIR/grub.cfg" <<EOF
set default="0"
menuentry 'Debian GNU/Linux' --class debian \$menuentry_id_option 'simple' {
	search --no-floppy --fs-uuid --set=root $(blkid -p -O $place -s UUID -o value "$1")
	linux	/boot/kernel root=LABEL=root rw console=ttyS0 quiet \$vt_handoff
	initrd	/boot/initrd
}
EOF
  printf '%s\n' 'mkdir /boot/grub' "write $TEST_DIR/linux /boot/kernel" "write $TEST_DIR/initrd /boot/initrd" \
    "write $TEST_DIR/grub.cfg /boot/grub/grub.cfg" > "$TEST_DIR/commands"
  debugfs -w -f "$TEST_DIR/commands" "$1?offset=$place" > "$TEST_DIR/debugfs.log" 2>&1
}

lab_up
site_up || bail "no site"
site_engine || bail "no engine"
grub_disk "$TEST_DIR/grub.img" || bail "no image with a grub.cfg"
slipway image import debian-12 "$TEST_DIR/grub.img" || bail "no image"
rm "$TEST_DIR/grub.img"
ok "a profile that allows kexec is accepted" deploy_kexec_profile
slipway host add "$deploy_name" --mac "$(lab_mac vm)" || bail "no host"
ok "the task starts" deploy_start

deploy_disk "$TEST_DIR/disk.img"
lab_machine vm "$TEST_DIR/disk.img"
ok "the task succeeds" deploy_wait 600
left=$SECONDS
like "$(slipway task show "$deploy_task" --json | jq -r '.method + ": " + .sentence')" \
  '^kexec: kexec of Linux 6\..* with root=LABEL=root' "the task says which kernel is entered, and how"
ok "the installed system shows its login prompt" deploy_login vm 0 300
diag "$((SECONDS - left)) s from the final report to the login prompt"

# The engine's screen, then the installed kernel, and no firmware between.
tr -d '\r\0' < "$TEST_DIR/vm.console" | sed -n '/kexec of Linux/,$p' > "$TEST_DIR/after"
ok "the console says so too" test -s "$TEST_DIR/after"
is "$(grep -cE 'BdsDxe|UEFI|PXE' "$TEST_DIR/after")" 0 "no firmware was between engine and installed system"
like "$(cat "$TEST_DIR/after")" "$deploy_marker" "the prompt has this run's marker"
done_testing

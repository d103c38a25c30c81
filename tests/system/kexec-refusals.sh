#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# When kexec is not proven: the engine looks at disks and firmware folders made
# for the purpose and says which condition does not hold.
. "${top_srcdir:-.}/tests/lib/functions.sh"
PATH=$PATH:/sbin:/usr/sbin
requires jq python3 sfdisk mke2fs losetup unshare blkid
requires_root

disk=$TEST_DIR/sda # beside it $disk1, $disk2: its partitions
firmware=$TEST_DIR/firmware
mkdir "$firmware" "$TEST_DIR/tree"
truncate -s 40M "$TEST_DIR/disk.img"
printf 'size=16MiB, type=linux\ntype=linux, uuid=0A0A0A0A-0000-4000-8000-000000000002\n' |
  sfdisk -q -X gpt "$TEST_DIR/disk.img"

# attach NODE OPTION...: a block device of a part of the disk.
attach () {
  local loop
  loop=$(losetup -f --show "${@:2}" "$TEST_DIR/disk.img") || bail "no loop device"
  at_exit "losetup -d $loop"
  ln -s "$loop" "$1"
}
attach "$disk"
attach "${disk}1" -o $((1 << 20)) --sizelimit $((16 << 20))
attach "${disk}2" -o $((17 << 20)) --sizelimit $((22 << 20))

# plain NUMBER ROOT: a file system on that partition with /boot, and a command
# line with root=ROOT.
plain () {
  rm -rf "$TEST_DIR/tree"
  mkdir -p "$TEST_DIR/tree/boot/grub"
  echo kernel > "$TEST_DIR/tree/boot/vmlinuz"
  printf "menuentry 'x' {\n linux /boot/vmlinuz root=%s ro\n}\n" "$2" > "$TEST_DIR/tree/boot/grub/grub.cfg"
  mke2fs -q -F -t ext4 -L system -d "$TEST_DIR/tree" "$disk$1" || bail "no file system"
}
# What LVM (lib/format_text/layout.h) and LUKS (version 1) write at the start
# of their partitions, as far as they are recognised by it.
lvm () {
  wipe "$1"
  python3 - "$disk$1" <<'PY'
import binascii, struct, sys
body = struct.pack("<I8s32sQ", 32, b"LVM2 001", b"A" * 32, 22 << 20).ljust(492, b"\0")
crc = binascii.crc32(body, 0xf597a6cf ^ 0xffffffff) ^ 0xffffffff
with open(sys.argv[1], "r+b") as f:
    f.seek(512)
    f.write(struct.pack("<8sQI", b"LABELONE", 1, crc) + body)
PY
  is "$(blkid -p -s TYPE -o value "$disk$1")" LVM2_member "partition $1 is LVM's"
}
luks () {
  wipe "$1"
  python3 - "$disk$1" <<'PY'
import struct, sys
with open(sys.argv[1], "r+b") as f:
    f.write(struct.pack(">6sH", b"LUKS\xba\xbe", 1).ljust(168, b"\0") + b"8f3c1c1e-0000-4000-8000-000000000001")
PY
  is "$(blkid -p -s TYPE -o value "$disk$1")" crypto_LUKS "partition $1 is LUKS's"
}
wipe () { dd if=/dev/zero of="$disk$1" bs=64K count=64 conv=notrunc,fsync status=none; }

# kexec_answer NUMBER: what the engine says on this disk, beside a kernel that
# answers with this errno value.
kexec_answer () {
  unshare -m bash -c 'mount -t tmpfs none /run && mount --bind "$1" /sys/firmware && shift && exec "$@"' - "$firmware" \
    "$top_builddir/tests/lib/refuse-kexec" "$1" "$run" slipway-engine kexec "$disk" 2> "$TEST_DIR/engine.err" |
    jq -r '.error // .line'
}
refuses () { like "$(kexec_answer "$1")" "$2" "$3"; }
ENOEXEC=8 EPERM=1 ENOSYS=38 EKEYREJECTED=129

wipe 1
plain 2 PARTUUID=0a0a0a0a-0000-4000-8000-000000000002
is "$(kexec_answer 0)" "root=$(sed -n 's/.*root=//p' "$TEST_DIR/tree/boot/grub/grub.cfg")" "a BIOS machine with a plain disk: kexec is proven"
mkdir -p "$firmware/efi/runtime-map/0"
like "$(kexec_answer 0)" '^root=' "so it is on UEFI that hands its services on"
rmdir "$firmware/efi/runtime-map/0"
refuses 0 "UEFI runtime services cannot be handed to another kernel" "UEFI that does not: refused"
rm -r "$firmware/efi"

refuses $EPERM "Secure Boot has locked the engine's kernel down" "a locked kernel"
refuses $EKEYREJECTED "does not accept the installed kernel's signature" "a signature that the locked kernel does not know"
refuses $ENOSYS "cannot load another one from a file \(32-bit kernels cannot\)" "a 32-bit kernel"
refuses $ENOEXEC "none that this machine's kernel could start" "another machine's kernel"

lvm 2
refuses 0 "outside of .*sda2 \(LVM2_member\), which the engine cannot look into" "LVM without a plain /boot"
plain 1 /dev/mapper/vg-root
is "$(kexec_answer 0)" "root=/dev/mapper/vg-root ro" "LVM with a plain /boot: proven"
plain 1 UUID=11111111-2222-3333-4444-555555555555
refuses 0 "root=UUID=11111111.* is not on the installed disk" "a root that is on another disk"
wipe 1
luks 2
refuses 0 "outside of .*sda2 \(crypto_LUKS\), which the engine cannot look into" "LUKS without a plain /boot"
plain 1 /dev/mapper/cryptroot
is "$(kexec_answer 0)" "root=/dev/mapper/cryptroot ro" "LUKS with a plain /boot: proven"
done_testing

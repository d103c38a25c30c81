#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 900
# One machine with four disks and four images: XFS, btrfs and ext4 grow to the
# end of their disks and get their files, FAT gets cloud-init's seed.  Looked
# at from outside by each file system's own checker.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/file-systems.sh"
PATH=$PATH:/sbin:/usr/sbin
requires qemu-system-x86_64 jq perl sfdisk mkfs.xfs xfs_repair mkfs.btrfs btrfs mke2fs e2fsck mkfs.vfat fsck.vfat mtype
requires_root
requires_cache linux-image.deb

make_fat () { # a system that nothing is known of, beside a partition for seeds
  truncate -s 40M "$1"
  printf '%s\n' 'size=4MiB, type=linux' 'type=uefi, name=cidata' | sfdisk -q -X gpt "$1"
  truncate -s 34M "$1.part"
  mkfs.vfat -n CIDATA "$1.part" > "$TEST_DIR/mkfs.log" && put "$1" "$1.part" $((5 * 2048))
}

install_step () { # KIND GROW
  jq -n --arg kind "$1" --argjson grow "$2" '{action: "install", with: ({image: $kind, grow: $grow,
    disk: {serial: ($kind | ascii_upcase)}, hostname: "{{host.name}}",
    users: [{name: "ada", ssh_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI ada"]}],
    network: [{mac: "{{host.mac}}", dhcp: true}]} + (if $kind == "fat" then {} else {marker: "marked"} end))}'
}

lab_up
ok "a site is made and slipwayd starts" site_up
ok "the engine is built and uploaded" site_engine
for kind in xfs btrfs ext4 fat; do
  ok "an image with $kind is made" "make_$kind" "$TEST_DIR/$kind.raw"
  ok "and imported" slipway image import "$kind" "$TEST_DIR/$kind.raw"
  truncate -s 700M "$TEST_DIR/$kind.img"
done
{ install_step xfs true; install_step btrfs true; install_step ext4 true; install_step fat false; } |
  jq -s '{name: "file-systems", transport: ["unicast"], steps: ., then: "poweroff"}' > "$TEST_DIR/profile.json"
slipway profile add "$TEST_DIR/profile.json" || bail "no profile"
slipway host add lab-01 --mac "$(lab_mac vm)" || bail "no host"
slipway task start file-systems --hosts lab-01 --json > "$TEST_DIR/start.json" || bail "no task"
task=$(json "$TEST_DIR/start.json" '.tasks[0].task')

disk () { printf -- '-drive if=none,id=%s,format=raw,file=%s -device virtio-blk-pci,drive=%s,serial=%s ' "$1" "$TEST_DIR/$1.img" "$1" "${1^^}"; }
# shellcheck disable=SC2046 # one word an option
lab_machine vm "" $(disk xfs) $(disk btrfs) $(disk ext4) $(disk fat)
slipway batch wait "$(json "$TEST_DIR/start.json" .id)" --timeout 500s ||
  { slipway task show "$task" >&2; bail "the task does not succeed"; }
pass "the task succeeds"
lab_wait_stopped vm 60

step=0
for kind in xfs btrfs ext4 fat; do
  slipway task result "$task" $step --json > "$TEST_DIR/$kind.json"
  slipway image show "$kind" --json > "$TEST_DIR/image.json"
  ranges=$(jq -r '.personalised[].ranges[] | "\(.[0]):\(.[1])"' "$TEST_DIR/$kind.json")
  # shellcheck disable=SC2086 # one word a range
  ok "$kind: every chunk outside of the ranges is the image's" "$top_builddir/tests/lib/compare-disk" \
    "$site/state" "$(json "$TEST_DIR/image.json" .manifest)" "$TEST_DIR/$kind.img" $ranges
  read -r start size < <(sfdisk --json "$TEST_DIR/$kind.img" | jq -r '.partitiontable.partitions[-1] | "\(.start) \(.size)"')
  ok "$kind: the table is sound" sfdisk --verify "$TEST_DIR/$kind.img"
  dd if="$TEST_DIR/$kind.img" of="$TEST_DIR/$kind.part" bs=512 skip="$start" count="$size" conv=sparse status=none
  step=$((step + 1))
done
grown () { jq -r '.grown[0] | "\(.file_system) \(.to_bytes)"' "$TEST_DIR/$1.json"; }
is "$(grown xfs)" "xfs $((698 << 20))" "XFS: the partition reaches the end of the disk"
is "$(grown ext4)" "ext4 $((699 << 20))" "ext4: so does this one, in an MBR"
ok "XFS is sound" xfs_repair -n "$TEST_DIR/xfs.part"
is "$(xfs_db -r -c 'sb 0' -c 'p dblocks' "$TEST_DIR/xfs.part")" "dblocks = $((698 * 256))" "and as long as its partition"
xfs_file () {
  xfs_db -r -c "path $1" -c "dblock 0" -c "type text" -c print "$TEST_DIR/xfs.part" |
    perl -ne 'print pack("H*", $1 =~ s{ }{}gr) if m{^\w+:\s+((?:[0-9a-f]{2} ){1,16})}' | tr -d "\0"
}
like "$(xfs_file /etc/hostname)" 'lab-01' "it has its host name"
like "$(xfs_file /elsewhere/slipway.issue)" 'marked' "a link led inside the image, not out of it"
like "$(xfs_file /var/lib/cloud/seed/nocloud/user-data)" 'cloud-config' "and cloud-init's seed"

ok "btrfs is sound" btrfs check --readonly "$TEST_DIR/btrfs.part"
like "$(btrfs inspect-internal dump-super "$TEST_DIR/btrfs.part")" "total_bytes[[:space:]]+$((698 << 20))" "and as long as its partition"
mkdir "$TEST_DIR/restored"
ok "its files can be read" btrfs restore -S "$TEST_DIR/btrfs.part" "$TEST_DIR/restored"
is "$(cat "$TEST_DIR/restored/etc/hostname")" lab-01 "it has its host name"
is "$(cat "$TEST_DIR/restored/elsewhere/slipway.issue")" marked "a link led inside the image"
is "$(jq -r '.ethernets.port0.dhcp4' "$TEST_DIR/restored/var/lib/cloud/seed/nocloud/network-config")" true "and cloud-init's seed"

ok "ext4 is sound" e2fsck -fn "$TEST_DIR/ext4.part"
is "$(dumpe2fs -h "$TEST_DIR/ext4.part" 2> /dev/null | sed -n 's/^Block count: *//p;s/^Block size: *//p' | paste -sd' ')" \
  "$((699 * 1024)) 1024" "and as long as its partition"
is "$(debugfs -R 'cat /etc/hostname' "$TEST_DIR/ext4.part" 2> /dev/null)" lab-01 "it has its host name, written after it grew"

ok "FAT is sound" fsck.vfat -n "$TEST_DIR/fat.part"
is "$(mtype -i "$TEST_DIR/fat.part" ::meta-data | jq -r '.["local-hostname"]')" lab-01 "it has the host's name for cloud-init"
is "$(mtype -i "$TEST_DIR/fat.part" ::user-data | tail -n 1 | jq -r '.users[1].name')" ada "and the user"
done_testing

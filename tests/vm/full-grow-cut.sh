#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 1500
# The power goes while the last partition and its file system grow: every write
# to three disks is recorded, disks are made that got only the first of them,
# and each is installed again.  Looked at from outside by each file system's
# own checker.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/file-systems.sh"
PATH=$PATH:/sbin:/usr/sbin
requires qemu-system-x86_64 jq python3 losetup sfdisk mkfs.xfs xfs_repair mkfs.btrfs btrfs mke2fs e2fsck
requires_root
requires_cache linux-image.deb
kinds=(xfs btrfs ext4)
cuts=9
disk_mib=700

# add_disk NAME IMAGE: the block node NAME as a disk, eight in each slot from
# the eighth, with that image to be installed.
add_disk () {
  local place=$((64 + ${#pairs[@]}))
  options+=(-device "virtio-blk-pci,drive=$1,serial=${1^^},multifunction=on,addr=$(printf '%x.%x' $((place / 8)) $((place % 8)))")
  pairs+=("$1:$2")
}
# deploy NAME DISK:IMAGE...: one task that installs each disk, and the machine.
deploy () {
  local name=$1 pair task; shift
  for pair in "$@"; do
    jq -n --arg image "${pair#*:}" --arg serial "${pair%:*}" '{action: "install", with: {image: $image, grow: true,
      disk: {serial: ($serial | ascii_upcase)}, hostname: "{{host.name}}"}}'
  done | jq -s --arg name "$name" '{name: $name, transport: ["unicast"], steps: ., then: "poweroff"}' > "$TEST_DIR/profile.json"
  slipway profile add "$TEST_DIR/profile.json" && slipway task start "$name" --hosts lab-01 --json > "$TEST_DIR/start.json" || return 1
  lab_machine vm "" "${options[@]}" || return 1
  task=$(json "$TEST_DIR/start.json" '.tasks[0].task')
  slipway batch wait "$(json "$TEST_DIR/start.json" .id)" --timeout 500s ||
    { slipway task show "$task" >&2; tail -n 5 "$TEST_DIR/vm.console" >&2; return 1; }
  lab_wait_stopped vm 60
  kill -9 "$machine_pid"
  wait "$machine_pid" 2> /dev/null
  return 0
}

lab_up
site_up || bail "no site"
site_engine > "$TEST_DIR/engine.log" 2>&1 || bail "no engine: $(tail -n 3 "$TEST_DIR/engine.log")"
slipway host add lab-01 --mac "$(lab_mac vm)" || bail "no host"
options=() pairs=()
for kind in "${kinds[@]}"; do
  "make_$kind" "$TEST_DIR/$kind.raw" && slipway image import "$kind" "$TEST_DIR/$kind.raw" > /dev/null || bail "no image with $kind"
  truncate -s ${disk_mib}M "$TEST_DIR/$kind.img"
  : > "$TEST_DIR/$kind.log"
  for node in "driver=file,node-name=$kind-disk,filename=$TEST_DIR/$kind.img" "driver=file,node-name=$kind-log,filename=$TEST_DIR/$kind.log" \
    "driver=blklogwrites,node-name=$kind,file=$kind-disk,log=$kind-log,log-sector-size=512"; do
    options+=(-blockdev "$node")
  done
  add_disk "$kind" "$kind"
done
ok "three disks are installed and grow, every write recorded" deploy recorded "${pairs[@]}"

options=() pairs=()
for kind in "${kinds[@]}"; do
  cut=$("$top_srcdir/tests/lib/cut-writes" "$TEST_DIR/$kind.log" "$(stat -c %s "$TEST_DIR/$kind.raw")" $((disk_mib << 20)) $cuts "$TEST_DIR/$kind") ||
    bail "$kind: no log"
  diag "$kind: $cut"
  for ((i = 1; i <= cuts; i++)); do
    options+=(-blockdev "driver=file,node-name=$kind-$i,filename=$TEST_DIR/$kind-$i.img")
    add_disk "$kind-$i" "$kind"
  done
done
ok "each disk that was cut is installed again" deploy again "${pairs[@]}"

sound () { # KIND DEVICE
  case $1 in
    xfs) xfs_repair -n "$2" ;;
    btrfs) btrfs check --readonly "$2" ;;
    ext4) e2fsck -fn "$2" ;;
  esac
}
for pair in "${pairs[@]}"; do
  disk=$TEST_DIR/${pair%:*}.img kind=${pair#*:}
  ok "$pair: the table is sound" sfdisk --verify "$disk"
  read -r start size < <(sfdisk --json "$disk" | jq -r '.partitiontable.partitions[-1] | "\(.start) \(.size)"')
  is $((size >> 11)) $((disk_mib - 1 - ($(echo "$kind" | grep -c ext4) == 0))) "$pair: the partition reaches the end"
  loop=$(losetup -f --show -r -o $((start * 512)) --sizelimit $((size * 512)) "$disk") || bail "no loop device"
  ok "$pair: the file system is sound" sound "$kind" "$loop"
  losetup -d "$loop"
done
done_testing

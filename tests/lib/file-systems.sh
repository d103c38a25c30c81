# SPDX-License-Identifier: Apache-2.0
# Images of a disk with one root file system each, which can grow.  Source
# functions.sh first.
#
#   make_xfs FILE, make_btrfs FILE    in a GPT
#   make_ext4 FILE                    in an MBR

root_type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 # Linux root, x86-64
tree=$TEST_DIR/tree
mkdir -p "$tree/etc/cloud" "$tree/elsewhere"
echo image > "$tree/etc/hostname"
ln -s /elsewhere "$tree/etc/issue.d" # of the image, not of the engine

# put FILE PARTITION-FILE SECTOR: a file system where its partition begins.
put () { dd if="$2" of="$1" bs=512 seek="$3" conv=notrunc,sparse status=none && rm "$2"; }

make_xfs () {
  printf '%s\n' /boot '0 0' 'd--755 0 0' 'etc d--755 0 0' 'cloud d--755 0 0' '$' \
    "hostname ---644 0 0 $tree/etc/hostname" 'issue.d l--777 0 0 /elsewhere' '$' \
    'elsewhere d--755 0 0' '$' '$' > "$TEST_DIR/proto"
  truncate -s 302M "$1"
  echo "start=2048, size=614400, type=$root_type" | sfdisk -q -X gpt "$1"
  truncate -s 300M "$1.part"
  mkfs.xfs -q -p "$TEST_DIR/proto" "$1.part" && put "$1" "$1.part" 2048
}
make_btrfs () {
  truncate -s 130M "$1"
  echo "start=2048, size=262144, type=$root_type" | sfdisk -q -X gpt "$1"
  truncate -s 128M "$1.part"
  mkfs.btrfs -q --rootdir "$tree" "$1.part" && put "$1" "$1.part" 2048
}
make_ext4 () { # in an MBR
  truncate -s 65M "$1"
  echo 'start=2048, type=83' | sfdisk -q -X dos "$1"
  mke2fs -q -t ext4 -d "$tree" -E offset=1048576 "$1" 64m 2> "$TEST_DIR/mke2fs.log"
}

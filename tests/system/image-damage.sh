#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 120
# One flipped bit in what the server stores of an image: no byte of it reaches
# a disk unnoticed, and server and task name what is damaged.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
PATH=$PATH:/sbin:/usr/sbin
requires curl jq sfdisk mke2fs cmp

server_init
server_start
make_disk_image "$TEST_DIR/image.raw" 1M
import_image tiny "$TEST_DIR/image.raw"
add_host lab-01
add_profile install '[{"action":"install","with":{"image":"tiny","disk":{"select":"only"}}}]'

# flip FILE: one bit in its middle, which is put back by flipping it again.
flip () {
  local at=$(($(stat -c %s "$1") / 2)) byte
  chmod u+w "$1"
  byte=$(od -An -tu1 -j "$at" -N 1 "$1")
  printf "\\x$(printf %x $((byte ^ 16)))" | dd of="$1" bs=1 seek="$at" conv=notrunc status=none
}
fails () { # WHAT PATTERN
  truncate -s 0 "$TEST_DIR/disk.img"; truncate -s 96M "$TEST_DIR/disk.img"
  start_task install
  run_engine --disk "$TEST_DIR/disk.img"
  approve
  engine_end
  is "$(task_get .state)" failed "$1: the task fails"
  like "$(task_get .sentence)" "$2" "$1: the task names it"
}

object=$(find "$state/objects" -type f -size +100k | head -n 1)
flip "$object"
fails "an object" "image 'tiny@1': bytes [0-9]+ to [0-9]+, object $(basename "$object") cannot be had: .*damaged.*importing the same content again mends it"
flip "$object"

root=$(api GET /images/tiny | jq -r .index_root)
flip "$state/index/${root:0:2}/$root"
fails "the index" "image 'tiny@1': index file $root is damaged; .*importing the same content again mends it"
flip "$state/index/${root:0:2}/$root"

manifest=$(api GET /images/tiny | jq -r .manifest)
flip "$state/manifests/${manifest:0:2}/$manifest"
fails "the manifest" "image 'tiny@1': manifest $manifest is damaged.*importing its content again makes a new one"
flip "$state/manifests/${manifest:0:2}/$manifest"

# With every bit back in its place it works, so it was these bits.
start_task install
run_engine --disk "$TEST_DIR/disk.img"
approve
engine_end
like "$(task_get .state)" '^(leaving|succeeded)$' "mended, the same image is installed"
ok "and the disk is the image" cmp -n "$(stat -c %s "$TEST_DIR/image.raw")" "$TEST_DIR/disk.img" "$TEST_DIR/image.raw"
done_testing

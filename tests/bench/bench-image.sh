#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Import and restore of a raw image, and import of it as qcow2, natively and to files, beside zstd and dd
# doing the same work: same image, same level, on the disk at the end.  As root
# the page cache is dropped before each run.  SLIPWAY_BENCH_IMAGE names another
# image, SLIPWAY_BENCH_MIB the size of the sample, SLIPWAY_BENCH_DIR the folder.
set -eu
tool=$top_builddir/tests/bench/image-tool
dir=$(mktemp -d "${SLIPWAY_BENCH_DIR:-/var/tmp}/slipway-bench.XXXXXX")
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
for peer in zstd dd cmp qemu-img; do
  command -v "$peer" >/dev/null || { echo "bench-image: $peer is missing" >&2; exit 1; }
done
mib=${SLIPWAY_BENCH_MIB:-1024}
image=${SLIPWAY_BENCH_IMAGE:-$dir/image}
[ -n "${SLIPWAY_BENCH_IMAGE:-}" ] || "$tool" sample "$image" "$mib"
bytes=$(stat -c %s "$image")

cold() { sync; [ "$(id -u)" != 0 ] || echo 3 >/proc/sys/vm/drop_caches; }

# Prints the seconds of a shell command, cold.
seconds() {
  cold
  start=$(date +%s%N)
  sh -c "$1"
  end=$(date +%s%N)
  echo "$start $end" | awk '{ printf "%.3f", ($2 - $1) / 1e9 }'
}

# report BENCH TOOL SECONDS...: the median as MiB/s.
report() {
  bench=$1 name=$2
  shift 2
  median=$(printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p")
  value=$(echo "$bytes $median" | awk '{ printf "%.1f", $1 / 1048576 / $2 }')
  printf '{"bench": "%s", "tool": "%s", "case": "%d MiB raw image", "value": %s, "unit": "MiB/s"}\n' \
    "$bench" "$name" "$((bytes / 1048576))" "$value"
}

same() { cmp -s "$image" "$dir/out" || { echo "bench-image: $1 made another image" >&2; exit 1; }; }

ours= peers=
for run in 1 2 3; do
  rm -rf "$dir/store" "$dir/image.zst"
  cold
  set -- $("$tool" import "$image" "$dir/store")
  root=$1
  ours="$ours $2"
  peers="$peers $(seconds "zstd -q -3 -T0 '$image' -o '$dir/image.zst' && sync '$dir/image.zst'")"
done
report import slipway $ours
report import zstd $peers

# The same disk in a qcow2 file: converted and imported at once, beside two
# programs and a file between them (qemu-img writes no pipe).
qemu-img convert -O qcow2 "$image" "$dir/image.qcow2"
ours= peers=
for run in 1 2 3; do
  rm -rf "$dir/qcow2-store" "$dir/qcow2.zst"
  cold
  set -- $("$tool" convert "$dir/image.qcow2" "$dir/qcow2-store")
  [ "$1" = "$root" ] || { echo "bench-image: the qcow2 file made another image" >&2; exit 1; }
  ours="$ours $2"
  peers="$peers $(seconds "qemu-img convert -O raw '$dir/image.qcow2' '$dir/qcow2.raw' && zstd -q -3 -T0 --rm '$dir/qcow2.raw' -o '$dir/qcow2.zst' && sync '$dir/qcow2.zst'")"
done
rm -rf "$dir/qcow2-store" "$dir/qcow2.zst" "$dir/image.qcow2"
report import-qcow2 slipway $ours
report import-qcow2 'qemu-img convert; zstd' $peers

ours= peers= verify=
for run in 1 2 3; do
  rm -f "$dir/out"
  cold
  ours="$ours $("$tool" restore "$dir/store" "$root" "$dir/out")"
  verify="$verify $("$tool" verify "$dir/store" "$root" "$dir/out")"
  same slipway
  rm -f "$dir/out"
  peers="$peers $(seconds "zstd -qdc '$dir/image.zst' | dd of='$dir/out' bs=1M iflag=fullblock conv=sparse,fsync status=none")"
  same zstd
done
report restore slipway $ours
report restore 'zstd -d | dd' $peers
report verify slipway $verify

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 900
# Another machine's engine: i686, from a sysroot, without the server.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires i686-linux-gnu-gcc readelf
requires_cache sysroot-i386
mkdir -p "$TEST_DIR/build"
cd "$TEST_DIR/build" || exit 1
# A source folder that is configured itself cannot be built from elsewhere.
source=$top_srcdir
if [ -e "$top_srcdir/config.status" ]; then skip_expected "the source folder is configured itself"; fi
ok "configure for i686" "$source/tests/lib/configure-i686" "$source" "$SLIPWAY_CACHE/sysroot-i386" --quiet --enable-werror
ok "make" make -s -j2 all
like "$(readelf -h slipway-engine)" 'Class: *ELF32' "the engine is a 32-bit program"
for so in action/install action/inventory transport/unicast; do
  like "$(readelf -h "plugins-built/i686/$so.so")" 'Machine: *Intel 80386' "$so is an i686 plugin"
done
is "$(ls slipwayd slipway 2> /dev/null)" "" "no part of the server was built"
done_testing

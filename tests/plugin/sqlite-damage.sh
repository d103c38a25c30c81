#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs sqlite-damage with a file system of 2 MiB, half of it taken by ballast,
# in a mount namespace of its own; without the right to make one the part that
# needs it says that it was left out.
program=$top_builddir/tests/plugin/sqlite-damage
if unshare --map-root-user --mount true 2>/dev/null; then
  exec unshare --map-root-user --mount sh -c '
    mkdir "$TEST_DIR/small" &&
    mount -t tmpfs -o size=2m none "$TEST_DIR/small" &&
    head -c 1048576 /dev/zero >"$TEST_DIR/small/ballast" &&
    SLIPWAY_SMALL_DISK=$TEST_DIR/small exec "$0"' "$program"
fi
exec "$program"

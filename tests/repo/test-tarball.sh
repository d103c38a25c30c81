#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The tarball holds what git tracks: a file that is forgotten in a local.mk is
# found here and not by whoever unpacks a release.
# limit: 300
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires git
git -C "$top_srcdir" rev-parse --git-dir > /dev/null 2>&1 || skip_expected "this is an unpacked tarball, not a checkout"
[ -e "$top_builddir/Makefile" ] || skip_all "no configured build folder"

make -s -C "$top_builddir" distdir distdir="$TEST_DIR/tarball" > "$TEST_DIR/distdir.log" 2>&1 ||
  diag "$(tail -n 5 "$TEST_DIR/distdir.log")"
missing=$(git -C "$top_srcdir" ls-files | grep -vxE '\.gitignore|\.gitattributes' |
  while read -r file; do [ -e "$TEST_DIR/tarball/$file" ] || echo "$file"; done)
is "$missing" "" "every tracked file is in the tarball"
chmod -R u+w "$TEST_DIR/tarball"
done_testing

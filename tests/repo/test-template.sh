#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# The action template, copied out of a staged install and built in a folder of
# its own with pkg-config alone, as a vendor would.
. "${top_srcdir:-.}/tests/lib/functions.sh"

stage=$TEST_DIR/stage
prefix=$(sed -n 's/^prefix=//p' "$top_builddir/sdk/slipway-sdk.pc")
# The outer make's jobs and variables are not the vendor's.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES CPATH C_INCLUDE_PATH
ok 'make install DESTDIR' make -C "$top_builddir" install DESTDIR="$stage"

PKG_CONFIG_PATH=$(find "$stage" -type d -name pkgconfig)
PKG_CONFIG="pkg-config --define-variable=prefix=$stage$prefix"
PATH=$stage$prefix/bin:$PATH
export PKG_CONFIG_PATH PKG_CONFIG PATH
is "$($PKG_CONFIG --cflags slipway-sdk | tr -d ' ')" \
  "-I$stage$prefix/include" 'pkg-config gives the staged headers alone'
is "$($PKG_CONFIG --libs slipway-sdk | tr -d ' ')" '' 'and no library'

ok 'the template is installed' \
  cp -R "$($PKG_CONFIG --variable=template slipway-sdk)/action" "$TEST_DIR/vendor"
cd "$TEST_DIR/vendor" || exit 99
ok 'it builds' make
ok 'its tests and slipway-plugin-check pass' make check
ok 'it installs' make install DESTDIR="$TEST_DIR/target"
machine=$($PKG_CONFIG --variable=machine slipway-sdk)
like "$(find "$TEST_DIR/target" -name hello.so)" "/$machine/action/hello.so$" \
  'into the plugin folder of its machine'

if command -v i686-linux-gnu-gcc >/dev/null; then
  rm hello.so
  ok 'it builds for another machine' make CC=i686-linux-gnu-gcc MACHINE=i686
  ok 'whose file the checker of this one reads' slipway-plugin-check hello.so
fi
done_testing

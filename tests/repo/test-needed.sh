#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The libraries that each program needs are those of core/doc/architecture.md
# and no others: every one of them costs room in the initramfs or trust.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires readelf
[ -z "$(readelf -d "$top_builddir/slipwayd" | grep -E 'lib[atu]*san')" ] || skip_expected "a sanitized build needs more"

# only PROGRAM LIBRARIES: needs nothing but libc and these.
only () {
  local file=$top_builddir/$1 extra
  extra=$(readelf -d "$file" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vE "^(libc|ld-linux-x86-64|libpthread|libdl|libm)\.so" | grep -vE "^($2)\.so" | tr '\n' ' ')
  is "$extra" "" "$1 needs only $2"
}
only slipwayd 'libjansson|libgnutls|libmicrohttpd|libpcre2-8|libzstd|libelf|libz'
only slipway-engine 'libjansson|libgnutls|libzstd|libblkid'
only slipway 'libjansson|libcurl-gnutls|libgnutls'
only slipway-plugin-check 'libjansson|libgnutls|libelf|libzstd'
for plugin in "$top_builddir"/plugins-built/*/*/*.so; do
  name=${plugin#"$top_builddir/"}
  case $name in
    */store/sqlite.so) only "$name" 'libsqlite3' ;;
    *) only "$name" 'libjansson' ;;
  esac
  is "$(nm -D --defined-only "$plugin" | awk '{print $3}')" slipway_plugin_descriptor "$name exports its descriptor alone"
done
done_testing

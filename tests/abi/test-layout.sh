#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The plugin ABI's layout against layout-64.golden and layout-32.golden: every
# structure (name size), member (structure.member offset size) and number (name
# value), as static assertions that nothing has to run for.  Inside one major
# lines are only ever added; what is new must be added here and to
# sdk/doc/abi-history.md.
. "${top_srcdir:-.}/tests/lib/functions.sh"

headers=$top_srcdir/sdk/include/slipway
flags="-std=c11 -fsyntax-only -ffreestanding -I$top_builddir/sdk/include -I$top_srcdir/sdk/include"

# assertions GOLDEN: a C file that compiles when everything is as stated.
assertions () {
  echo '#include <slipway/action.h>'
  echo '#include <slipway/arch.h>'
  echo '#include <slipway/store.h>'
  echo '#include <slipway/transport.h>'
  sed -E -e 's/^(slipway_[a-z_]+)\.([a-z0-9_]+) ([0-9]+) ([0-9]+)$/_Static_assert(offsetof(struct \1, \2) == \3 \&\& sizeof(((struct \1 *)0)->\2) == \4, "\1.\2");/' \
    -e 's/^(slipway_[a-z_]+) ([0-9]+)$/_Static_assert(sizeof(struct \1) == \2, "\1");/' \
    -e 's/^(SLIPWAY_[A-Z0-9_]+) (-?[0-9]+)$/_Static_assert((\1) == (\2), "\1");/' \
    "$top_srcdir/tests/abi/$1"
}

# layout NAME GOLDEN COMPILER...
layout () {
  local name=$1 golden=$2; shift 2
  command -v "$1" > /dev/null || { diag "$1 is not installed: $name left out"; return; }
  assertions "$golden" > "$TEST_DIR/layout.c"
  ok "layout on $name" "$@" $flags "$TEST_DIR/layout.c"
}

layout 'this machine' layout-64.golden ${CC:-cc}
layout 'i686' layout-32.golden i686-linux-gnu-gcc
for target in x86_64 aarch64 powerpc64le sparc64; do
  layout "$target by clang" layout-64.golden clang --target=$target-linux-gnu
done
layout 'i686 by clang' layout-32.golden clang --target=i686-linux-gnu

# Nothing new may be left out.
names () { sed -n 's/^\(slipway_[a-z_]*\|SLIPWAY_[A-Z0-9_]*\) .*/\1/p' "$top_srcdir/tests/abi/$1" | sort; }
declared () {
  sed -n -e 's/^struct \(slipway_[a-z_]*\) {.*/\1/p' \
    -e 's/^#define \(SLIPWAY_[A-Z0-9_]*\) (\{0,1\}-\{0,1\}[0-9][0-9a-fx]*u\{0,1\})\{0,1\}\( .*\)\{0,1\}$/\1/p' \
    "$headers"/{plugin,params,action,arch,store,transport}.h | sort
}
is "$(comm -3 <(declared) <(names layout-64.golden))" '' \
  'every structure and number of the headers is in the golden file'
is "$(names layout-32.golden)" "$(names layout-64.golden)" \
  'both golden files have the same'
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each public header alone and first, in every language that a plugin may be
# written in, with all warnings as errors.
. "${top_srcdir:-.}/tests/lib/functions.sh"

flags="-fsyntax-only -Wall -Wextra -pedantic -Werror -I$top_builddir/sdk/include -I$top_srcdir/sdk/include"

# compiles NAME COMPILER EXTENSION STANDARDS...
compiles () {
  local compiler=$1 extension=$2 header name standard; shift 2
  command -v "$compiler" > /dev/null || { diag "$compiler is not installed: left out"; return; }
  for standard in "$@"; do
    for header in "$top_srcdir"/sdk/include/slipway/*.h "$top_builddir/sdk/include/slipway/version.h"; do
      name=$(basename "$header")
      # Twice: a header may be included again.  The declaration keeps a file
      # that would otherwise be empty legal.
      printf '#include <slipway/%s>\n#include <slipway/%s>\nextern int alone;\n' \
        "$name" "$name" > "$TEST_DIR/alone.$extension"
      ok "$name, $compiler, $standard" "$compiler" "-std=$standard" $flags "$TEST_DIR/alone.$extension"
    done
  done
}

compiles gcc c c99 c11 c17
compiles clang c c99 c11 c17
compiles g++ cc c++11 c++17
compiles clang++ cc c++11
done_testing

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ./autogen.sh          generates configure
# ./autogen.sh demo     installs what is missing, builds, deploys a machine;
#                       FIRMWARE=bios behind it: one with a BIOS
# ./autogen.sh check    installs what is missing, builds, runs the tests
set -e
cd "$(dirname "$0")"
generate () {
  mkdir -p build-aux m4
  autoreconf --install --force
}
# For the two long commands the generator's chatter goes to a log.
prepare () {
  tests/lib/install-missing
  mkdir -p build
  generate > build/autogen.log 2>&1 || { tail -n 20 build/autogen.log; exit 1; }
}
case "${1:-}" in
  '') generate ;;
  demo) prepare && shift && exec tests/demo/demo "$@" ;;
  check) prepare && shift && exec tests/lib/check "$@" ;;
  *) echo "usage: ./autogen.sh [demo | check]" >&2; exit 2 ;;
esac

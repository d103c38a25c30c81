#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# ./autogen.sh          generates configure
# ./autogen.sh demo     installs what is missing, builds, deploys a machine
# ./autogen.sh check    installs what is missing, builds, runs the tests
set -e
cd "$(dirname "$0")"
generate () {
  mkdir -p build-aux m4
  autoreconf --install --force
}
case "${1:-}" in
  '') generate ;;
  *) generate && exec tests/lib/"$@" ;;
esac

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 1800
# A machine whose task is done reaches its disk ten times in a row, each time
# within seconds of the first DHCP answer, with the network first in its boot
# order.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
requires qemu-system-x86_64 jq
requires_root
requires_cache debian-12.img linux-image.deb

lab_up
site_up || bail "no site"
slipway host add vm --mac "$(lab_mac vm)" > /dev/null || bail "no host"
cp --sparse=always "$SLIPWAY_CACHE/debian-12.img" "$TEST_DIR/disk.img"
deploy_name=unnamed # what the image itself is called
: > "$TEST_DIR/vm.console"
lab_machine vm "$TEST_DIR/disk.img" -S

for round in 1 2 3 4 5 6 7 8 9 10; do
  marks=$(wc -c < "$TEST_DIR/vm.console")
  answered=$(wc -l < "$TEST_DIR/slipwayd.log")
  lab_reset vm
  if deploy_login vm "$marks" 240; then
    pass "power-on $round reaches the disk"
  else
    fail "power-on $round reaches the disk" "$(tail -n 5 "$TEST_DIR/vm.console" | tr -d '\r\0')"
  fi
  # Times: the first answer in the server's log, and the local-boot program's
  # request in the same log; what follows is the disk's own.
  like "$(tail -n "+$((answered + 1))" "$TEST_DIR/slipwayd.log")" 'local-x64.efi' "power-on $round was answered with local boot"
  lab_monitor vm '{"execute":"stop"}' > /dev/null
done
done_testing

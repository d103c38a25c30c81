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

# seconds_of PATTERN: when the first such line came since this power-on.
seconds_of () {
  date -d "$(tail -n "+$((answered + 1))" "$TEST_DIR/slipwayd.log" | grep -m 1 "$1" | cut -d ' ' -f 1)" +%s
}

for round in $(seq "${POWER_ONS:-10}"); do
  marks=$(wc -c < "$TEST_DIR/vm.console")
  answered=$(wc -l < "$TEST_DIR/slipwayd.log")
  lab_reset vm
  if deploy_login vm "$marks" 240; then
    pass "power-on $round reaches the disk"
  else
    fail "power-on $round reaches the disk" "$(tail -n 5 "$TEST_DIR/vm.console" | tr -d '\r\0')"
  fi
  like "$(tail -n "+$((answered + 1))" "$TEST_DIR/slipwayd.log")" "received 'local-x64.efi'" "power-on $round was answered with local boot"
  # Without the local-boot program firmware takes minutes; busy machines get
  # the benefit of the doubt.
  took=$(($(seconds_of "received 'local-x64.efi'") - $(seconds_of 'DHCP OFFER')))
  diag "power-on $round: $took s from the first DHCP answer to the program that starts the disk"
  ok "power-on $round takes seconds, not minutes" test "$took" -lt 60
  lab_monitor vm '{"execute":"stop"}' > /dev/null
done
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 2400
# Power cuts: ten deployments, each cut once at another point of the install;
# powered on again, the machine verifies what is there, fetches the rest and
# runs its own system.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
requires qemu-system-x86_64 jq
requires_root
requires_cache debian-12.img linux-image.deb

lab_up
site_up || bail "no site"
site_engine > "$TEST_DIR/engine.log" 2>&1 || bail "no engine: $(tail -n 3 "$TEST_DIR/engine.log")"
slipway image import debian-12 "$SLIPWAY_CACHE/debian-12.img" > /dev/null || bail "no image"
slipway event follow --json > "$TEST_DIR/events.jsonl" 2> /dev/null < /dev/null &
at_exit "stop $!"

for permille in 20 120 220 320 420 520 620 720 820 950; do
  deploy_profile > /dev/null && slipway host add "$deploy_name" --mac "$(lab_mac vm)" > /dev/null &&
    deploy_start || bail "no task"
  deploy_disk "$TEST_DIR/disk.img"
  rm -f "$TEST_DIR/vm.vars"
  lab_machine vm "$TEST_DIR/disk.img"
  if deploy_reaches "$permille" 300; then
    pass "the install reaches $permille permille"
  else
    fail "the install reaches $permille permille"
  fi
  kill -9 "$machine_pid"
  wait "$machine_pid" 2> /dev/null
  lab_machine vm "$TEST_DIR/disk.img"
  ok "cut at $permille: the task succeeds" deploy_wait 400
  ok "cut at $permille: the machine resets" lab_wait_stopped vm 120
  ok "cut at $permille: the disk is the image" deploy_compare "$TEST_DIR/disk.img"
  kill -9 "$machine_pid"
  wait "$machine_pid" 2> /dev/null
  slipway host delete "$deploy_name" --yes > /dev/null 2>&1
done
done_testing

#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 1500
# kill -9 of slipwayd while a real machine is deployed: at the firmware's
# download, before the session, and at five points of the install; the
# deployment goes on each time.
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
deploy_profile > /dev/null && slipway host add "$deploy_name" --mac "$(lab_mac vm)" > /dev/null && deploy_start || bail "no task"
deploy_disk "$TEST_DIR/disk.img"
lab_machine vm "$TEST_DIR/disk.img"

for permille in 50 250 450 650 850; do
  slipway event follow --json > "$TEST_DIR/events.jsonl" 2> /dev/null < /dev/null &
  follower=$!
  deploy_reaches "$permille" 300 || diag "the install was past $permille permille"
  stop "$follower"
  site_kill
  ok "killed at $permille permille, slipwayd starts again" site_start
done
ok "the task succeeds" deploy_wait 400
ok "the machine resets" lab_wait_stopped vm 120
ok "the disk is the image" deploy_compare "$TEST_DIR/disk.img"
done_testing

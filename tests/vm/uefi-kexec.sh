#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# The installed Debian is entered by kexec: from the engine's last report to
# the login prompt without the firmware.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
requires qemu-system-x86_64 jq
requires_root
requires_cache debian-12.img linux-image.deb

lab_up
site_up || bail "no site"
site_engine || bail "no engine"
slipway image import debian-12 "$SLIPWAY_CACHE/debian-12.img" || bail "no image"
ok "a profile that allows kexec is accepted" deploy_kexec_profile
slipway host add "$deploy_name" --mac "$(lab_mac vm)" || bail "no host"
ok "the task starts" deploy_start

deploy_disk "$TEST_DIR/disk.img"
lab_machine vm "$TEST_DIR/disk.img"
ok "the task succeeds" deploy_wait 600
left=$SECONDS
like "$(slipway task show "$deploy_task" --json | jq -r '.method + ": " + .sentence')" \
  '^kexec: kexec of Linux 6\..* with root=LABEL=root' "the task says which kernel is entered, and how"
ok "the installed system shows its login prompt" deploy_login vm 0 300
diag "$((SECONDS - left)) s from the final report to the login prompt"

# The engine's screen, then the installed kernel, and no firmware between.
tr -d '\r\0' < "$TEST_DIR/vm.console" | sed -n '/kexec of Linux/,$p' > "$TEST_DIR/after"
ok "the console says so too" test -s "$TEST_DIR/after"
is "$(grep -cE 'BdsDxe|UEFI|PXE' "$TEST_DIR/after")" 0 "no firmware was between engine and installed system"
like "$(cat "$TEST_DIR/after")" "$deploy_marker" "the prompt has this run's marker"
done_testing

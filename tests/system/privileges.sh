#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# slipwayd as root opens ports 67, 69 and 4011 and then has no privilege left,
# and neither has any of its workers; the files of its state are not root's.
# It starts with no more than slipwayd.service leaves it.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
requires ip jq curl setpriv systemd-analyze
requires_root

lab_up
unit () { sed -n "s/^$1=//p" "$site_prefix/lib/systemd/system/slipwayd.service"; }
ok "a site is made and slipwayd starts" site_up
site_kill
site_under=(setpriv --no-new-privs --bounding-set "-all$(unit CapabilityBoundingSet | sed 's/\(^\| \)CAP_/,+/g' | tr A-Z a-z)")
ok "also under the limits of slipwayd.service" site_start
is "$(unit ExecStart)" "${site_prefix#"$site/root"}/sbin/slipwayd run" "which starts what was installed"
mkdir "$TEST_DIR/unit"
sed "s|^ExecStart=.*|ExecStart=$(type -P true)|" "$site_prefix/lib/systemd/system/slipwayd.service" > "$TEST_DIR/unit/slipwayd.service"
is "$(SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no "$TEST_DIR/unit/slipwayd.service" 2>&1 | grep slipwayd.service)" "" "systemd takes the file"
# A worker says when it is ready; the ready line of the server may come first.
for worker in http mtftp unicast; do
  ok "worker $worker is ready" wait_line "$TEST_DIR/slipwayd.log" "worker $worker is ready" 30
done
for pid in $slipwayd_pid $(pgrep -P "$slipwayd_pid"); do
  name=$(tr '\0' ' ' < "/proc/$pid/cmdline" | sed 's/ --config.*//; s/.*slipwayd/slipwayd/')
  field () { sed -n "s/^$1:[[:space:]]*//p" "/proc/$pid/status"; }
  is "$(field Uid | tr '\t' ' ')" "$site_uid $site_uid $site_uid $site_uid" "$name runs as the configured user"
  is "$(field CapEff)$(field CapPrm)$(field CapAmb)" "$(printf '0%.0s' $(seq 48))" "$name has no capability"
  is "$(field NoNewPrivs)" 1 "$name can gain none"
done
is "$(in_lab ss -Huln | awk '{print $4}' | sed 's/.*://' | sort -n | uniq | tr '\n' ' ')" "67 69 4011 " "the three privileged ports are open"
is "$(find "$site/state" -user root -not -name authority -not -path '*/authority/*' -not -name admin-token)" "" "the state belongs to that user"
is "$(stat -c %a "$site/state/admin-token")" 600 "the first token is for its owner alone"
done_testing

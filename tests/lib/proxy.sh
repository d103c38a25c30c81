# SPDX-License-Identifier: Apache-2.0
# Whole machines that boot while a foreign DHCP server gives the addresses, up
# to the moment when they have their boot file.  Source functions.sh, lab.sh,
# site.sh and foreign-dhcp.sh first.
#
#   proxy_up FOREIGN                 the laboratory, that server, slipwayd beside it
#   proxy_boots NAME FILE [QEMU...]  a UEFI machine is powered on and fetches FILE

proxy_up () {
  lab_up
  foreign_up "$1" || bail "$1 did not start"
  site_dhcp='"mode": "proxy"'
  site_up || bail "the server did not start"
}

# Waits for the line of the transfer, or of the first HTTP request.
proxy_boots () {
  local name=$1 file=$2 from
  shift 2
  from=$(wc -l < "$TEST_DIR/slipwayd.log")
  lab_machine "$name" "" "$@" || return 1
  timeout 120 grep -q -m 1 -E "(has received|asks for) '$file'" < <(tail -n "+$((from + 1))" -F "$TEST_DIR/slipwayd.log")
  local status=$?
  proxy_log=$(tail -n "+$((from + 1))" "$TEST_DIR/slipwayd.log")
  stop "$machine_pid"
  return $status
}

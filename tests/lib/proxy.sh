# SPDX-License-Identifier: Apache-2.0
# Whole machines that boot while a foreign DHCP server gives the addresses, up
# to the moment when they have their boot file.  Source functions.sh, lab.sh,
# site.sh and foreign-dhcp.sh first.
#
#   proxy_up FOREIGN                 the laboratory, that server, slipwayd beside it
#   proxy_boots NAME FILE [QEMU...]  a UEFI machine is powered on and fetches FILE
#   proxy_boots_bios NAME FILE       the same with a BIOS and iPXE as the card's ROM

proxy_up () {
  lab_up
  foreign_up "$1" || bail "$1 did not start"
  site_dhcp='"mode": "proxy"'
  site_up || bail "the server did not start"
}

proxy_boots () {
  local name=$1 file=$2
  proxy_from=$(wc -l < "$TEST_DIR/slipwayd.log")
  shift 2
  lab_machine "$name" "" "$@" && proxy_wait "$file"
}

proxy_boots_bios () {
  proxy_from=$(wc -l < "$TEST_DIR/slipwayd.log")
  lab_tap "$1"
  ip netns exec "$lab" qemu-system-x86_64 -name "$1" -machine pc,graphics=off -accel tcg -m 256 -nodefaults \
    -no-user-config -display none -netdev "tap,id=net0,ifname=$1,script=no,downscript=no" \
    -device "virtio-net-pci,netdev=net0,mac=$(lab_mac "$1"),bootindex=1" -serial "file:$TEST_DIR/$1.console" \
    > "$TEST_DIR/$1.qemu" 2>&1 < /dev/null &
  machine_pid=$!
  at_exit "stop $machine_pid"
  proxy_wait "$2"
}

# Waits for the line of the transfer, or of the first HTTP request.
proxy_wait () {
  local file=$1 status
  timeout 120 grep -q -m 1 -E "(has received|asks for) '$file'" < <(tail -n "+$((proxy_from + 1))" -F "$TEST_DIR/slipwayd.log")
  status=$?
  proxy_log=$(tail -n "+$((proxy_from + 1))" "$TEST_DIR/slipwayd.log")
  stop "$machine_pid"
  return $status
}

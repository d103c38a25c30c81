# SPDX-License-Identifier: Apache-2.0
# A laboratory for whole machines: a network namespace with a bridge, and QEMU
# machines in plain emulation on it.  Everything goes away at the end, also
# after a failure.  Needs root; source functions.sh first.
#
#   lab_up                        namespace $lab, bridge br0 with $lab_address
#   in_lab COMMAND...             runs there
#   lab_machine NAME [OPTION...]  powers a machine on (see below)
#
# lab_firmware=bios before lab_machine makes it a PC with a BIOS, whose network
# card boots by the iPXE in its ROM; lab_cpu=pentium3 one with 32 bits.

lab=slipway-$$
lab_address=10.77.0.1
lab_network=10.77.0
ovmf_code=/usr/share/OVMF/OVMF_CODE_4M.fd
ovmf_vars=/usr/share/OVMF/OVMF_VARS_4M.fd

lab_firmware=${lab_firmware:-uefi}
lab_cpu=${lab_cpu:-max}

in_lab () { ip netns exec "$lab" "$@"; }

lab_up () {
  ip netns add "$lab"
  at_exit lab_down
  in_lab ip link set lo up
  in_lab ip link add br0 type bridge mcast_snooping 0 forward_delay 0
  in_lab ip address add "$lab_address/24" dev br0
  in_lab ip link set br0 up
}

lab_down () {
  local pid
  for pid in $(ip netns pids "$lab" 2> /dev/null); do kill "$pid" 2> /dev/null; done
  for pid in $(ip netns pids "$lab" 2> /dev/null); do
    wait_gone "$pid" 10 || kill -9 "$pid" 2> /dev/null
  done
  ip netns delete "$lab"
}

# lab_tap NAME: a port of the bridge.
lab_tap () {
  in_lab ip tuntap add "$1" mode tap
  in_lab ip link set "$1" master br0 up
}

# lab_mac NAME: a stable address in the locally administered range.
lab_mac () { printf '%s' "$1" | sha256sum | sed 's/^\(..\)\(..\)\(..\).*/52:54:00:\1:\2:\3/'; }

# lab_platform NAME: sets $qemu and the options $platform of this firmware.
lab_platform () {
  local card="virtio-net-pci,netdev=net0,mac=$(lab_mac "$1"),bootindex=1"
  qemu=qemu-system-x86_64
  [ "$lab_cpu" != pentium3 ] || qemu=qemu-system-i386
  if [ "$lab_firmware" = bios ]; then
    # Without graphics SeaBIOS and iPXE write to the serial port.
    platform=(-machine q35,graphics=off -device "$card")
    return
  fi
  [ -e "$TEST_DIR/$1.vars" ] || cp "$ovmf_vars" "$TEST_DIR/$1.vars"
  platform=(-machine q35 -device "$card,romfile="
    -drive "if=pflash,format=raw,unit=0,readonly=on,file=$ovmf_code"
    -drive "if=pflash,format=raw,unit=1,file=$TEST_DIR/$1.vars")
}

# lab_machine NAME DISK [QEMU-OPTION...]: its firmware, one network port that
# boots first, one disk (a raw file, or "" for none).  Its serial console is
# $TEST_DIR/NAME.console, its monitor $TEST_DIR/NAME.qmp; it stops instead of
# going away when the guest resets or powers off (lab_reset lets it go on).
# Sets $machine_pid.
lab_machine () {
  local name=$1 disk=$2 drive=() qemu platform
  shift 2
  lab_platform "$name"
  in_lab ip link show "$name" > /dev/null 2>&1 || lab_tap "$name"
  [ -z "$disk" ] || drive=(-drive "if=none,id=disk0,format=raw,file=$disk,discard=unmap"
    -device "virtio-blk-pci,drive=disk0,serial=${name^^}-DISK,bootindex=2")
  ip netns exec "$lab" "$qemu" -name "$name" -accel tcg -cpu "$lab_cpu" -m 1024 \
    -nodefaults -no-user-config -display none -no-reboot -no-shutdown \
    -netdev "tap,id=net0,ifname=$name,script=no,downscript=no" "${platform[@]}" \
    -device virtio-rng-pci -serial "file:$TEST_DIR/$name.console" \
    -qmp "unix:$TEST_DIR/$name.qmp,server=on,wait=off" "${drive[@]}" "$@" \
    > "$TEST_DIR/$name.qemu" 2>&1 < /dev/null &
  machine_pid=$!
  at_exit "stop $machine_pid"
  timeout 20 sh -c "until [ -S '$TEST_DIR/$name.qmp' ]; do kill -0 $machine_pid || exit 1; done" ||
    { cat "$TEST_DIR/$name.qemu" >&2; return 1; }
}

# lab_monitor NAME COMMAND...: QMP commands, each a JSON object; prints replies.
lab_monitor () {
  local name=$1; shift
  "$top_srcdir/tests/lib/qmp" "$TEST_DIR/$name.qmp" "$@"
}
# lab_wait_stopped NAME SECONDS: until the guest has reset or powered off.
lab_wait_stopped () { "$top_srcdir/tests/lib/qmp" "$TEST_DIR/$1.qmp" --wait-stopped "$2"; }
# lab_reset NAME: powers a stopped machine on again, from its firmware.
lab_reset () {
  local firmware_resets=0
  [ "$lab_firmware" != bios ] || firmware_resets=1
  "$top_srcdir/tests/lib/qmp" "$TEST_DIR/$1.qmp" --reset "$firmware_resets"
}

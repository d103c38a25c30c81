#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# The inventory of this very machine beside what lsblk, lspci, lshw and
# dmidecode say of it.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/engine.sh"
requires_root
requires curl jq lsblk lspci lshw dmidecode python3

# It is known to the server by the addresses of its own ports.
macs=$(for port in /sys/class/net/*; do [ ! -e "$port/device" ] || cat "$port/address"; done | jq -Rc . | jq -sc .)
[ "$macs" != "[]" ] || skip_all "this machine has no network port to be known by"
server_init
server_start
add_profile look '[{"action": "inventory"}]'
api POST /hosts "{\"name\": \"lab-01\", \"macs\": $macs}" > /dev/null
start_task look
"$run" slipway-engine run --trust "$state/site/trust.json" --server "$server_address:$tls_port" --patience 20s --own-disks \
  > "$TEST_DIR/engine.out" 2> "$TEST_DIR/engine.err" < /dev/null &
engine_pid=$!
at_exit 'stop $engine_pid'
approve
engine_end
is "$engine_status" 0 "this machine is inventoried"
api GET /hosts/lab-01/inventory > "$TEST_DIR/machine.json"
ok "as the schema says" valid_inventory "$TEST_DIR/machine.json"
of () { jq -c "$1" "$TEST_DIR/machine.json"; }

# Disks.
lsblk -J -b -d -o NAME,SIZE,TYPE,RM,ROTA,LOG-SEC,PHY-SEC > "$TEST_DIR/lsblk.json"
is "$(of '[.disks[] | [.name, .size_bytes, .removable, .rotational, .logical_sector_bytes, .physical_sector_bytes]] | sort')" \
  "$(jq -c '[.blockdevices[] | select(.type == "disk" and .size > 0 and (.name | test("^(zram|ram|nbd|fd|md|dm-|mtdblock)") | not)) |
     [.name, .size, .rm, .rota, ."log-sec", ."phy-sec"]] | sort' "$TEST_DIR/lsblk.json")" "disks as lsblk has them"

# PCI: numbers by lspci, names by lshw, which reads the same list.
lspci -Dnmm | sed 's/"//g' | while read -r address class vendor device _; do echo "$address $class $vendor $device"; done > "$TEST_DIR/lspci"
is "$(jq -r '.pci[] | "\(.address) \(.class[0:4]) \(.vendor_id) \(.device_id)"' "$TEST_DIR/machine.json")" "$(cat "$TEST_DIR/lspci")" \
  "PCI devices as lspci has them"
# lspci calls what the list does not have by its number.
lspci -Dmm | python3 -c '
import shlex, sys
for line in sys.stdin:
    words = shlex.split(line)
    print(words[0], "|", words[2], "|", words[3])' > "$TEST_DIR/names"
is "$(jq -r '.pci[] | "\(.address) | \(.vendor_name // "Vendor " + .vendor_id) | \(.device_name // "Device " + .device_id)"' \
  "$TEST_DIR/machine.json")" "$(cat "$TEST_DIR/names")" "and with their names"
lshw -json -quiet > "$TEST_DIR/lshw.json" 2> /dev/null
is "$(jq -c '[.. | objects | select((.businfo // "") | startswith("pci@")) | .businfo[4:]] | unique - '"$(of '[.pci[].address]')" "$TEST_DIR/lshw.json")" '[]' \
  "lshw knows of no other PCI device"

# Processor and memory.
is "$(of '.cpu.threads')" "$(nproc --all)" "as many processors as the kernel runs"
size=$(jq '[.. | objects | select(.id? == "memory" or (.id? // "" | startswith("memory:"))) | .size // 0] | max' "$TEST_DIR/lshw.json")
ok "memory within what lshw says is plugged in" [ "$(of .memory.bytes)" -le "$size" ]
ok "and no less than nine tenths of it" [ "$(of .memory.bytes)" -ge $((size / 10 * 9)) ]

# SMBIOS, where a machine has one.
if [ -r /sys/firmware/dmi/tables/DMI ]; then
  for pair in vendor:system-manufacturer product:system-product-name uuid:system-uuid; do
    said=$(of ".system.${pair%%:*} // empty" | tr -d '"')
    [ -z "$said" ] || is "${said,,}" "$(dmidecode -s "${pair##*:}" | tr '[:upper:]' '[:lower:]' | sed 's/ *$//')" "${pair%%:*} as dmidecode has it"
  done
else
  is "$(of 'has("system")')" false "no SMBIOS, no facts from it"
fi

done_testing

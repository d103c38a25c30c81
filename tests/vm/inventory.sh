#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 600
# A machine with everything that an inventory can tell: what the engine reports
# beside what dmidecode, lshw, lsblk, lspci, lsusb, smartctl, mokutil and
# tpm2_getcap say in the same machine, field by field.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
PATH=$PATH:/sbin:/usr/sbin
tools=(dmidecode lshw lsblk lspci lsusb smartctl mokutil tpm2_getcap)
requires qemu-system-x86_64 jq cpio python3 busybox socat swtpm "${tools[@]}"
requires_root
requires_cache linux-image.deb
parts=$top_srcdir/tests/vm/inventory

# tools_archive FILE: the tools with their libraries, to unpack over the engine's files.
tools_archive () {
  local top=$TEST_DIR/tools tool
  mkdir -p "$top/look/lib" "$top/look/bin" "$top/look/tools.d"
  cp "$(command -v busybox)" "$parts/tools" "$top/look/" && install -m 755 "$parts/init" "$top/look/init" || return 1
  for tool in "${tools[@]}"; do cp "$(command -v "$tool")" "$top/look/tools.d/" || return 1; done
  for tool in "$top"/look/tools.d/* "$(ldconfig -p | sed -n 's/.*libtss2-tcti-device.so.0 .*=> //p')"; do
    ldd "$tool" | sed -n 's/.*[ \t]\(\/[^ ]*\) (0x.*/\1/p'
    case $tool in *.so.*) echo "$tool" ;; esac
  done | sort -u | xargs -I{} cp -L {} "$top/look/lib/" || return 1
  (cd "$top" && find . | cpio --quiet -o -H newc) > "$1"
}

# hardware: the options $hardware of the machine.
hardware () {
  local name
  mkdir "$TEST_DIR/tpm" && "$parts/memory-modules" "$TEST_DIR" || return 1
  start_logged swtpm swtpm socket --tpm2 --tpmstate "dir=$TEST_DIR/tpm" --ctrl "type=unixio,path=$TEST_DIR/swtpm"
  timeout 20 sh -c "until [ -S '$TEST_DIR/swtpm' ]; do kill -0 $started || exit 1; done" || return 1
  hardware=(-smp 4,sockets=2,cores=2,threads=1
    -smbios "type=0,vendor=Firmware Works,version=1.2.3,date=02/29/2024,uefi=on"
    -smbios "type=1,manufacturer=Acme,product=Rocket 9,version=B,serial=R9-0001,uuid=$uuid,sku=R9-SKU,family=Rockets"
    -smbios "type=2,manufacturer=Acme Boards,product=RB-9,version=1.1,serial=RB-0001,asset=RB-ASSET"
    -smbios "type=3,manufacturer=Acme Steel,version=C,serial=RC-0001,asset=INV-4711"
    -smbios "file=$TEST_DIR/module-0" -smbios "file=$TEST_DIR/module-1" -smbios "file=$TEST_DIR/module-2"
    -smbios "type=4,sock_pfx=CPU,manufacturer=Acme Silicon,version=Acme Fast 9000,serial=CPU-0001,max-speed=3000,current-speed=2500"
    -device "nvme,drive=nvme,serial=NVME-0001,logical_block_size=4096,physical_block_size=4096"
    -device "ide-hd,drive=ata,bus=ide.0,serial=ATA-0001,model=Acme Spinning Disk 4000 Deluxe,wwn=0x5000c500a1b2c3d4,rotation_rate=7200"
    -device virtio-scsi-pci -device "scsi-hd,drive=scsi,serial=SCSI-0001,vendor=ACME,product=SAS Disk,wwn=0x5000c500a1b2c3d5"
    -device qemu-xhci -device "usb-storage,drive=usb,serial=USB-0001,removable=on" -device usb-kbd
    -chardev "socket,id=tpm,path=$TEST_DIR/swtpm" -tpmdev emulator,id=tpm0,chardev=tpm -device tpm-tis,tpmdev=tpm0
    -chardev "socket,id=ask,path=$TEST_DIR/ask,server=on,wait=off" -serial chardev:ask)
  for name in nvme ata scsi usb; do
    truncate -s 64M "$TEST_DIR/$name.img"
    hardware+=(-drive "if=none,id=$name,format=raw,file=$TEST_DIR/$name.img")
  done
}

# ask_tools: has the tools look at the machine; what they say is in $TEST_DIR/said.
ask_tools () {
  grep -m 1 -q done < <(echo look | timeout 200 socat -t 200 - "UNIX-CONNECT:$TEST_DIR/ask,shut-none") || return 1
  mkdir "$TEST_DIR/said" && tar -xf "$TEST_DIR/scratch.img" -C "$TEST_DIR/said"
}

lab_up
site_up || bail "no site"
site_engine || bail "no engine"
tools_archive "$TEST_DIR/tools.cpio" || bail "no archive of the tools"
# The kernel unpacks plain archives before a compressed one, and none after it.
cat "$TEST_DIR/tools.cpio" "$(site_boot_file initramfs)" > "$TEST_DIR/initrd" || bail "no engine files"
uuid=00112233-4455-6677-8899-aabbccddeeff
hardware || bail "no hardware"
truncate -s 64M "$TEST_DIR/scratch.img"
echo '{"name": "look", "steps": [{"action": "inventory"}], "then": "stay"}' > "$TEST_DIR/profile.json"
slipway profile add "$TEST_DIR/profile.json" && slipway host add lab-01 --mac "$(lab_mac vm)" || bail "no host"
slipway task start look --hosts lab-01 --json > "$TEST_DIR/start.json" || bail "no task"
lab_machine vm "$TEST_DIR/scratch.img" -kernel "$(site_boot_file kernel)" -initrd "$TEST_DIR/initrd" \
  -append "console=ttyS0,115200 quiet panic=30 rdinit=/look/init" "${hardware[@]}" || bail "no machine"
ok "the machine is inventoried" slipway batch wait "$(json "$TEST_DIR/start.json" .id)" --timeout 240s || bail
ok "the tools look at it" ask_tools
slipway host inventory lab-01 --json > "$TEST_DIR/machine.json"
"$parts/truth" "$TEST_DIR/said" > "$TEST_DIR/truth.json" || bail "the tools said nothing that makes sense"

# same NAME FILTER: both files have the same there, and something.
same () {
  local said found
  said=$(jq -cS "$2" "$TEST_DIR/truth.json")
  found=$(jq -cS "$2" "$TEST_DIR/machine.json")
  case $said in null | '[]' | '{}' | '') fail "$1" "the tools say nothing of it"; return ;; esac
  is "$found" "$said" "$1"
}
same "firmware as dmidecode has it" '.firmware | {vendor, version, date}'
same "Secure Boot and setup mode as mokutil has them" '.firmware | {secure_boot, setup_mode}'
for part in system board chassis cpus; do same "$part as dmidecode has it" ".$part"; done
same "memory modules and slots as dmidecode has them" '.memory | {slots, modules}'
is "$(jq '[.memory.modules[].bytes] | add' "$TEST_DIR/machine.json")" \
  "$(jq '.. | objects | select(.id? == "memory") | .size' "$TEST_DIR/said/lshw.json")" "memory as lshw has it"
same "TPM as tpm2_getcap has it" .tpm
same "disks as lsblk has them" '[.disks[] | {name, size_bytes, logical_sector_bytes, physical_sector_bytes, removable, rotational, read_only}] | sort'
same "their names and numbers as smartctl has them" '[.disks[] | select(.name != "vda") | {name, vendor, model, serial, firmware, wwn}] | sort'
for kind in nvme ata; do
  same "health of the $kind disk as smartctl has it" ".disks[] | select(.health.source == \"$kind\") | .health"
done
same "disks without health as smartctl has them" '[.disks[] | select(.health.status == "unknown") | .name] | sort'
same "PCI devices as lspci has them" '[.pci[] | {address, class: .class[0:4], vendor_id, device_id}]'
same "USB devices as lsusb has them" '[.usb[] | "\(.vendor_id):\(.device_id)"] | sort'
same "ports as lshw has them" '[.ports[] | {name, mac, driver, link}]'
done_testing

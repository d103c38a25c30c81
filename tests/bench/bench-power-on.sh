#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Power-on to engine connected, under plain emulation, beside the floor: the
# same kernel with an initramfs of the same size that holds only noise and an
# init that says so.  Also the engine's size by part.
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
. "$top_srcdir/tests/lib/deploy.sh"
tap_done=bench # prints figures, no TAP
[ "$(id -u)" -eq 0 ] || { echo "bench-power-on needs root for its namespace" >&2; exit 1; }
for tool in qemu-system-x86_64 dnsmasq busybox jq; do
  command -v "$tool" > /dev/null || { echo "bench-power-on: $tool is missing" >&2; exit 1; }
done

result () { printf '{"bench":"%s","tool":"%s","case":"%s","value":%s,"unit":"%s"}\n' "$@"; }
now () { date +%s.%N; }
since () { echo "$(now) $1" | awk '{printf "%.1f", $1 - $2}'; }

lab_up && site_up && site_engine --json > "$TEST_DIR/engine.json" || exit 1
jq -c '.. | objects | select(.parts?) | .parts | to_entries[]' "$TEST_DIR/engine.json" | while read -r part; do
  result engine-size slipway-engine-build "$(jq -r .key <<< "$part")" "$(jq -r .value <<< "$part")" bytes
done

slipway host add vm --mac "$(lab_mac vm)" > /dev/null
deploy_name=vm
cat > "$TEST_DIR/profile.json" <<'EOF'
{ "name": "debian", "steps": [{"action": "inventory"}], "then": "poweroff" }
EOF
slipway profile add "$TEST_DIR/profile.json" > /dev/null && deploy_start || exit 1
slipway event follow --json > "$TEST_DIR/events.jsonl" < /dev/null &
at_exit "stop $!"
from=$(now)
lab_machine vm ""
timeout 300 tail -n +1 -F "$TEST_DIR/events.jsonl" 2> /dev/null | grep -m 1 -q session-opened ||
  { echo "the engine did not connect" >&2; exit 1; }
result power-on slipway connected "$(since "$from")" s
stop "$machine_pid"

# The floor: the published engine's kernel in a unified image of the same size.
engine=$(site_boot_file engine)
kernel=$(site_boot_file kernel)
room=$(($(stat -c %s "$engine") - $(stat -c %s "$kernel") - 1200000))
mkdir -p "$TEST_DIR/floor/bin"
cp /bin/busybox "$TEST_DIR/floor/bin/"
head -c "$room" /dev/urandom > "$TEST_DIR/floor/noise"
printf '#!/bin/busybox sh\n/bin/busybox mount -t devtmpfs none /dev\necho floor-reached > /dev/ttyS0\n/bin/busybox poweroff -f\n' > "$TEST_DIR/floor/init"
chmod 755 "$TEST_DIR/floor/init"
mkdir -p "$TEST_DIR/floor/dev"
(cd "$TEST_DIR/floor" && find . | cpio -o -H newc --quiet | xz -0 --check=crc32) > "$TEST_DIR/floor.cpio"
printf 'console=ttyS0 quiet' > "$TEST_DIR/floor.cmdline"
stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
at=$(objdump -h "$stub" | awk '$2 ~ /^\./ {print $3, $4}' | while read -r s v; do echo $((0x$s + 0x$v)); done | sort -n | tail -n 1)
args=()
for pair in ".cmdline:$TEST_DIR/floor.cmdline" ".initrd:$TEST_DIR/floor.cpio" ".linux:$kernel"; do
  at=$(((at + 4095) / 4096 * 4096))
  args+=(--add-section "${pair%%:*}=${pair#*:}" --change-section-vma "${pair%%:*}=$at")
  at=$((at + $(stat -c %s "${pair#*:}")))
done
mkdir -p "$TEST_DIR/tftp"
objcopy "${args[@]}" "$stub" "$TEST_DIR/tftp/floor.efi"
chmod -R a+rX "$TEST_DIR/tftp"
stop "$slipwayd_pid"
in_lab dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=br0 --bind-interfaces \
  --dhcp-range="$lab_network.100,$lab_network.150" --dhcp-boot=floor.efi --enable-tftp --tftp-root="$TEST_DIR/tftp" \
  --dhcp-leasefile="$TEST_DIR/dnsmasq.leases" --user=root > "$TEST_DIR/dnsmasq.log" 2>&1 < /dev/null &
at_exit "stop $!"
from=$(now)
lab_machine floor ""
timeout 300 tail -c +1 -F "$TEST_DIR/floor.console" 2> /dev/null | grep -a -m 1 -q floor-reached ||
  { echo "the floor's machine did not boot" >&2; exit 1; }
result power-on floor init "$(since "$from")" s

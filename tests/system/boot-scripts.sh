#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The scripts of BIOS machines over HTTP: published with their plugin, written
# anew with each engine build, gone with the plugin.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires curl jq
requires_plugin arch x86-bios
. "$top_srcdir/tests/lib/engine.sh"
. "$top_srcdir/tests/lib/rest.sh"
server_init
server_start

# boot NAME: sets $code and writes $TEST_DIR/got.
boot () { code=$(curl -sS -o "$TEST_DIR/got" -w '%{http_code}' "http://127.0.0.1:$http_port/boot/$1"); }
# published NAME, gone NAME: until the worker has heard of it.
published () { timeout 20 sh -c "until curl -fsS -o /dev/null http://127.0.0.1:$http_port/boot/$1 2> /dev/null; do :; done"; }
gone () { timeout 20 sh -c "while curl -fsS -o /dev/null http://127.0.0.1:$http_port/boot/$1 2> /dev/null; do :; done"; }
# engine MACHINE: publishes made-up files; sets $kernel and $initramfs.
engine () {
  local role digest names=()
  for role in kernel initramfs; do
    head -c 20000 /dev/urandom > "$TEST_DIR/$role"
    digest=$(sha256sum < "$TEST_DIR/$role" | cut -c 1-64)
    call PUT "/api/v1/engines/files/$digest" -T "$TEST_DIR/$role" -H 'Content-Type: application/octet-stream'
    names+=("{\"role\": \"$role\", \"length\": 20000, \"sha256\": \"$digest\"}")
    declare -g "$role=$role-$1-${digest:0:16}"
  done
  send POST /api/v1/engines "{\"machine\": \"$1\", \"version\": \"1\", \"command_line\": \"$2\",
    \"trust_sha256\": \"$trust\", \"files\": [${names[0]}, ${names[1]}]}"
}
call GET /api/v1/trust
trust=$(sha256sum < "$TEST_DIR/body" | cut -c 1-64)

ok "the loader is published" published undionly.kpxe
boot x86-bios-disk.ipxe
like "$(cat "$TEST_DIR/got")" 'sanboot --no-describe --drive 0x80' "so is the script that starts the disk"
boot x86-bios-engine.ipxe
is "$code" 404 "without an engine there is no script for it"

engine x86_64 'console=ttyS0 quiet'
is "$status" 201 "an engine is published as kernel and initramfs"
ok "now there is the script" published x86-bios-engine.ipxe
boot x86-bios-engine.ipxe
like "$(cat "$TEST_DIR/got")" "kernel $kernel initrd=$initramfs console=ttyS0 quiet " "it names the kernel, its initramfs and its command line"
boot "$kernel"
ok "which is there under that name" cmp "$TEST_DIR/got" "$TEST_DIR/kernel"
old=$kernel
engine i686 ''
engine x86_64 'console=ttyS1'
ok "the next build replaces the files" gone "$old"
boot x86-bios-engine.ipxe
like "$(tr "\n" " " < "$TEST_DIR/got")" "kernel $kernel initrd=$initramfs console=ttyS1 .*initrd $initramfs .*:narrow.*kernel kernel-i686-" "and the script names the new ones, and those for 32 bits"
engine x86_64 'quiet && shell'
ok "a command line that would be a script takes the script away" gone x86-bios-engine.ipxe
like "$(cat "$TEST_DIR/slipwayd.log")" "x86-bios.*command line has characters" "and the log says why"

server_kill
server_start
ok "after a restart the scripts are there again" published x86-bios-disk.ipxe
call POST /api/v1/plugins/arch/x86-bios/disable
ok "with the plugin they go" gone x86-bios-disk.ipxe
done_testing

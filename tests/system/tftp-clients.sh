#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 180
# Real TFTP clients fetch a published boot file from slipwayd's mtftp worker:
# tftp-hpa, atftp, curl and busybox, with and without options and windows; and
# what they get for bad requests.  (Loss and disorder: tests/unit/test-mtftp.c.)
. "${top_srcdir:-.}/tests/lib/functions.sh"
. "$top_srcdir/tests/lib/lab.sh"
. "$top_srcdir/tests/lib/site.sh"
requires_root
requires ip tftp atftp curl busybox socat

lab_up
site_up || bail "the server did not start"
file=$SLIPWAY_BOOT_DIR/x86-uefi/local-x64.efi
ns=$lab-client
ip netns add "$ns"
at_exit "ip netns delete $ns"
in_lab ip link add client type veth peer name eth0 netns "$ns"
in_lab ip link set client master br0 up
ip -n "$ns" link set lo up
ip -n "$ns" address add "$lab_network.50/24" dev eth0
ip -n "$ns" link set eth0 up
in_client () { ip netns exec "$ns" "$@"; }
cd "$TEST_DIR" || exit 1

same () { cmp "$file" "$1" && rm -f "$1"; }
fetch () { in_client "$@" < /dev/null; }

ok "tftp-hpa asks" fetch tftp -m binary "$lab_address" -c get local-x64.efi hpa
ok "and has the file" same hpa
ok "tftp-hpa asks with a leading slash and capitals" fetch tftp -m binary "$lab_address" -c get /LOCAL-X64.EFI hpa
ok "and has the file" same hpa
for option in "" "--option 'blksize 1468'" "--option 'blksize 1468' --option 'windowsize 8'" \
  "--option 'tsize 0' --option 'timeout 2'"; do
  eval "ok 'atftp asks ($(tr -d "'" <<< "${option:-no options}"))' fetch atftp -g -r local-x64.efi -l at $option $lab_address"
  ok "and has the file" same at
done
ok "curl asks" fetch curl -s --tftp-blksize 1024 -o curled "tftp://$lab_address/local-x64.efi"
ok "and has the file" same curled
ok "curl asks without options" fetch curl -s --tftp-no-options -o curled "tftp://$lab_address/local-x64.efi"
ok "and has the file" same curled
ok "busybox asks" fetch busybox tftp -g -r local-x64.efi -l busy -b 1400 "$lab_address"
ok "and has the file" same busy

fetch curl -s -o missing "tftp://$lab_address/no-such-file"
is $? 68 "a name that is not published: error 1 at once"
fetch curl -s -o missing "tftp://$lab_address/../../etc/passwd" --path-as-is
is $? 69 "a name that climbs: error 2"
echo data > upload
fetch curl -s -T upload "tftp://$lab_address/upload"
is $? 69 "writing: error 2"
# raw BYTES: what the server answers, in hexadecimal.
raw () {
  printf "$1" | in_client timeout 5 socat -t 1 -T 2 - "UDP4:$lab_address:69" | od -An -tx1 | tr -d ' \n'
}
like "$(raw '\0\1local-x64.efi\0netascii\0')" '^00050000' "netascii: error 0 with a sentence"
like "$(raw '\0\1nonsense')" '^00050004' "a malformed request: error 4"
is "$(raw '\0\5\0\1x\0')" "" "an error is not answered"
done_testing

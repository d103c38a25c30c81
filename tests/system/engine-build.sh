#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# limit: 300
# slipway-engine-build with a kernel package made up here: what goes in, what
# comes out, the same bytes twice, and clear words about bad input.
. "${top_srcdir:-.}/tests/lib/functions.sh"
requires gcc ar tar jq objcopy objdump cpio zstd
stub=/usr/lib/systemd/boot/efi/linuxx64.efi.stub
[ -e "$stub" ] || skip_all "package systemd-boot-efi is not installed"
cd "$TEST_DIR" || exit 1

# module NAME TEXT...: a kernel module as far as a builder looks.
module () {
  local name=$1 text file=lib/modules/6.1-test/kernel/drivers/$1.ko; shift
  { echo '#define I __attribute__((section(".modinfo"), used)) static const char'
    local i=0
    for text in "$@"; do i=$((i + 1)); echo "I m$i[] = \"$text\";"; done; } > module.c
  gcc -c -o module.o module.c && mkdir -p "$(dirname "$file")" && objcopy module.o "$file"
}
# package FILE: a Debian package of boot/ and lib/.
package () {
  echo 2.0 > debian-binary
  tar --sort=name --mtime=@1700000000 -cJf data.tar.xz ./boot ./lib && tar -cJf control.tar.xz debian-binary &&
    ar rc "$1" debian-binary control.tar.xz data.tar.xz
}
build () { "$run" slipway-engine-build --trust trust.json --modules-list modules.list --out out.efi "$@"; }

mkdir -p boot && head -c 100000 /dev/urandom > boot/vmlinuz-6.1-test
module virtio_net depends=virtio,net-failover 'alias=virtio:d00000001v*' firmware=virtio/card.fw
module virtio depends=
module net-failover depends=builtin-thing 'softdep=pre: crc32c_generic'
module crc32c_generic alias=crypto-crc32c
module unwanted depends=virtio
printf '# comment\nnet virtio-net\ndisk not-there\n' > modules.list
hex () { printf "$1%.0s" $(seq "$2"); }
cat > trust.json <<EOF
{"site": "$(hex ab 16)", "ca_pins": ["$(hex cd 32)"], "signing_keys": ["$(hex ef 32)"],
 "servers": ["192.0.2.1:7443"], "made_s": 1790000000}
EOF

ok "a kernel package is made" package kernel.deb
build --kernel-package kernel.deb --json > report.json 2> errors
is "$?" 0 "an engine is built from it"
is "$(jq -r .kernel report.json)" 6.1-test "the report has the kernel's version"
is "$(jq -c .modules report.json)" '["crc32c_generic","net_failover","virtio","virtio_net"]' \
  "the listed module is in with all that it depends on, and no other"
is "$(jq -r .built_s report.json)" 1790000000 "the build time is the newest of the inputs"
is "$(jq -r '.files[] | select(.role == "engine") | .sha256' report.json)" "$(sha256sum out.efi | cut -d' ' -f1)" "the digest is the file's"
is "$(jq -r .trust_sha256 report.json)" "$(sha256sum trust.json | cut -d' ' -f1)" "the trust file's digest is told"
like "$(jq -r '.warnings[]' report.json)" "'virtio_net'.*virtio/card.fw" "a network card without its firmware is named"

section () { objcopy -O binary --only-section="$1" out.efi "$2" 2>> errors; }
section .linux linux && section .cmdline cmdline && section .initrd initrd
ok "the kernel is in unchanged" cmp <(head -c 100000 linux) boot/vmlinuz-6.1-test
like "$(tr -d '\0' < cmdline)" 'console=ttyS0' "the command line names a serial console"
is "$(objdump -h out.efi | awk '$2 ~ /^\./ {print $4, $3}' | sort | while read -r at size; do
    [ $((0x$at)) -ge "${end:-0}" ] || echo overlap; end=$((0x$at + 0x$size)); done)" "" "no sections overlap"
mkdir -p tree && (cd tree && zstd -dcq < ../initrd 2>> ../errors | cpio -idm --quiet 2>> ../errors)
ok "the engine is the first program" test -L tree/init
ok "the trust file is in" cmp trust.json tree/etc/slipway/trust.json
is "$(cat tree/etc/slipway/built)" 1790000000 "so is the build time"
is "$(grep '^m virtio_net' tree/lib/modules/slipway.index)" \
  "m virtio_net 6.1-test/kernel/drivers/virtio_net.ko virtio net_failover" "the index has dependencies"
is "$(grep -c '^a virtio:d00000001v\* virtio_net$' tree/lib/modules/slipway.index)" 1 "and aliases"
ok "the C library is in" test -e tree/lib/libc.so.6
ok "the fetching transport is in" sh -c 'find tree -name unicast.so | grep -q .'

cp out.efi first.efi
touch boot/vmlinuz-6.1-test
ok "it is built again" build --kernel-package kernel.deb
ok "and has the same bytes" cmp out.efi first.efi
ok "a kernel with a folder of modules does too" build --kernel boot/vmlinuz-6.1-test --modules lib/modules/6.1-test/
section .initrd initrd2
ok "and gives the same modules" sh -c 'zstd -dcq < initrd2 | cpio -t --quiet | grep -q 6.1-test/kernel/drivers/virtio_net.ko'

ok "kernel and initramfs are written for other loaders" build --kernel-package kernel.deb --out-kernel k.out --out-initramfs i.out
ok "the kernel is the package's" cmp k.out boot/vmlinuz-6.1-test
ok "the initramfs is the unified image's" cmp i.out <(head -c "$(stat -c %s i.out)" initrd)

# refused NAME PATTERN OPTION...: status not 0, and this sentence.
refused () {
  local name=$1 pattern=$2 output; shift 2
  output=$(build "$@" 2>&1) && { fail "$name" "it was accepted"; return; }
  like "$output" "$pattern" "$name"
}
refused "no kernel at all" 'give either' --json
refused "a file that is no package" 'Debian package' --kernel-package trust.json
head -c 3000 kernel.deb > cut.deb
refused "a package that was cut" 'cannot be read|Debian package' --kernel-package cut.deb
refused "another machine" 'x86_64 and i686 only' --kernel-package kernel.deb --machine sparc64
refused "a unified image for i686" '--out is for x86_64' --kernel-package kernel.deb --machine i686
refused "a kernel without its initramfs" 'out-kernel with --out-initramfs' --kernel-package kernel.deb --out-kernel linux.out
refused "a stub that is none" 'PE32|not a' --kernel-package kernel.deb --stub trust.json
refused "a missing stub" 'systemd-boot-efi' --kernel-package kernel.deb --stub /nonexistent
echo 'net nothing-like-it' > other.list
refused "a kernel without network drivers" 'none of the network drivers' --kernel-package kernel.deb --modules-list other.list
echo 'net' > broken.list
refused "a broken list of modules" "broken.list' line 1" --kernel-package kernel.deb --modules-list broken.list
echo '{}' > empty.json
refused "a broken trust file" "trust file 'empty.json'" --kernel-package kernel.deb --trust empty.json
refused "no transports" 'transport plugin' --kernel-package kernel.deb --plugins /nonexistent
mv lib saved && mkdir lib && package empty.deb && rm -r lib && mv saved lib
refused "a package without modules" 'no modules' --kernel-package empty.deb
done_testing

# SPDX-License-Identifier: Apache-2.0
# local-x64.efi: an EFI program, which automake's own rules cannot make.
LOCAL_BOOT_FILES = %D%/local-boot.c %D%/options.c
EXTRA_DIST += $(LOCAL_BOOT_FILES) %D%/options.h
if EFI_PROGRAM
LOCAL_BOOT_FLAGS = -std=gnu11 -O2 -g0 -Wall -Wextra -Werror=implicit-function-declaration \
	-ffreestanding -fpic -fshort-wchar -fno-stack-protector -fcf-protection=none \
	-mno-red-zone -DGNU_EFI_USE_MS_ABI -DHAVE_USE_MS_ABI \
	-isystem /usr/include/efi -isystem /usr/include/efi/x86_64
# Without PIE, hardening or a build identifier of its own: firmware relocates
# it, and the same source gives the same bytes.
data-built/boot/x86-uefi/local-x64.efi: $(LOCAL_BOOT_FILES) %D%/options.h
	$(AM_V_GEN)$(MKDIR_P) $(@D) %D% && \
	for source in local-boot options; do \
	  $(EFI_CC) $(LOCAL_BOOT_FLAGS) -c -o %D%/$$source.efi.o \
	    $(top_srcdir)/%D%/$$source.c || exit 1; \
	done && \
	$(LD) -nostdlib -znocombreloc -shared -Bsymbolic --no-undefined \
	  --build-id=none -T /usr/lib/elf_x86_64_efi.lds -L/usr/lib \
	  -o %D%/local-x64.so /usr/lib/crt0-efi-x86_64.o \
	  %D%/local-boot.efi.o %D%/options.efi.o -lefi -lgnuefi && \
	$(OBJCOPY) -j .text -j .sdata -j .data -j .dynamic -j .dynsym \
	  -j '.rel*' -j .reloc --target efi-app-x86_64 --subsystem=10 \
	  %D%/local-x64.so $@
ALL_LOCAL += data-built/boot/x86-uefi/local-x64.efi
CLEANFILES += data-built/boot/x86-uefi/local-x64.efi %D%/local-x64.so \
	%D%/local-boot.efi.o %D%/options.efi.o
localbootdir = $(pkgdatadir)/boot/x86-uefi
localboot_DATA = data-built/boot/x86-uefi/local-x64.efi
endif

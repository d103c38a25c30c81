# SPDX-License-Identifier: Apache-2.0
X86_UEFI_FILES = $(PXE_FILES) %D%/loader.c %D%/x86-uefi.c %D%/x86-uefi.h
archplugin_LTLIBRARIES += %D%/x86-uefi.la
%C%_x86_uefi_la_SOURCES = $(X86_UEFI_FILES)
%C%_x86_uefi_la_CPPFLAGS = $(AM_CPPFLAGS) $(IPXE_CPPFLAGS) \
	-DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
%C%_x86_uefi_la_CFLAGS = $(PLUGIN_CFLAGS)
%C%_x86_uefi_la_LDFLAGS = $(PLUGIN_LINK)
PODS += %D%/slipway-x86-uefi-arch.7.pod
man_MANS += %D%/slipway-x86-uefi-arch.7
if IPXE
data-built/boot/x86-uefi/snponly.efi: $(IPXE_BINARIES)/snponly.efi
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cp -f $(IPXE_BINARIES)/snponly.efi $@
ALL_LOCAL += data-built/boot/x86-uefi/snponly.efi
CLEANFILES += data-built/boot/x86-uefi/snponly.efi
uefibootdir = $(pkgdatadir)/boot/x86-uefi
uefiboot_DATA = data-built/boot/x86-uefi/snponly.efi
endif
include plugins/arch/x86-uefi/local-boot/local.mk

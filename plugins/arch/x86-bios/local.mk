# SPDX-License-Identifier: Apache-2.0
# The plugin is worth nothing without the iPXE that it hands out.
X86_BIOS_FILES = $(PXE_FILES) %D%/script.c %D%/x86-bios.c %D%/x86-bios.h
if IPXE
archplugin_LTLIBRARIES += %D%/x86-bios.la
%C%_x86_bios_la_SOURCES = $(X86_BIOS_FILES)
%C%_x86_bios_la_CPPFLAGS = $(AM_CPPFLAGS) $(IPXE_CPPFLAGS) \
	-DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
%C%_x86_bios_la_CFLAGS = $(PLUGIN_CFLAGS)
%C%_x86_bios_la_LDFLAGS = $(PLUGIN_LINK)
man_MANS += %D%/slipway-x86-bios-arch.7

data-built/boot/x86-bios/undionly.kpxe: $(IPXE_BINARIES)/undionly.kpxe
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cp -f $(IPXE_BINARIES)/undionly.kpxe $@
ALL_LOCAL += data-built/boot/x86-bios/undionly.kpxe
CLEANFILES += data-built/boot/x86-bios/undionly.kpxe
biosbootdir = $(pkgdatadir)/boot/x86-bios
biosboot_DATA = data-built/boot/x86-bios/undionly.kpxe
endif
PODS += %D%/slipway-x86-bios-arch.7.pod

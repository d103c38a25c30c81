# SPDX-License-Identifier: Apache-2.0
archplugin_LTLIBRARIES += %D%/x86-uefi.la
%C%_x86_uefi_la_SOURCES = %D%/x86-uefi.c
%C%_x86_uefi_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
%C%_x86_uefi_la_CFLAGS = $(PLUGIN_CFLAGS)
%C%_x86_uefi_la_LDFLAGS = $(PLUGIN_LINK)
PODS += %D%/slipway-x86-uefi-arch.7.pod
man_MANS += %D%/slipway-x86-uefi-arch.7
include plugins/arch/x86-uefi/local-boot/local.mk

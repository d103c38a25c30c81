# SPDX-License-Identifier: Apache-2.0
# What plugins of this kind share is compiled into each of them.
EXTRA_DIST += %D%/slipway.ipxe
PXE_FILES = %D%/pxe-answer.c %D%/pxe-answer.h \
	%D%/ipxe-script.c %D%/ipxe-script.h
include plugins/arch/x86-bios/local.mk
include plugins/arch/x86-uefi/local.mk

# SPDX-License-Identifier: Apache-2.0
libslipwayengine_la_SOURCES += \
	%D%/efi-variables.c %D%/efi-variables.h \
	%D%/handoff.c %D%/handoff.h \
	%D%/handoff-efi.c %D%/handoff-efi.h \
	%D%/handoff-kexec.c %D%/handoff-kexec.h \
	%D%/installed.h \
	%D%/installed-find.c \
	%D%/installed-grub.c \
	%D%/installed-line.c \
	%D%/installed-loader.c \
	%D%/installed-mount.c %D%/installed-mount.h \
	%D%/installed-uki.c \
	%D%/kexec-process.c %D%/kexec-process.h

# SPDX-License-Identifier: Apache-2.0
libslipwayengine_la_SOURCES += \
	%D%/facts.c %D%/facts.h \
	%D%/facts-devices.c \
	%D%/facts-internal.h \
	%D%/facts-ports.c \
	%D%/facts-security.c \
	%D%/facts-smbios.c \
	%D%/facts-sysfs.c

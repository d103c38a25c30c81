# SPDX-License-Identifier: Apache-2.0
libslipwayengine_la_SOURCES += \
	%D%/disk-select.c %D%/disk-select.h \
	%D%/disks.c %D%/disks.h \
	%D%/disks-internal.h \
	%D%/disks-names.c \
	%D%/disks-place.c \
	%D%/disks-probe.c

# SPDX-License-Identifier: Apache-2.0
libslipwaycore_la_SOURCES += \
	%D%/address-probe.c %D%/address-probe.h \
	%D%/boot-table.c %D%/boot-table.h \
	%D%/client.c %D%/client.h \
	%D%/packet.c %D%/packet.h \
	%D%/pxe.c %D%/pxe.h

# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/device-names.c %D%/device-names.h \
	%D%/enrol.c %D%/enrol.h \
	%D%/host.c %D%/host.h \
	%D%/host-change.c \
	%D%/host-internal.h \
	%D%/host-record.c %D%/host-record.h \
	%D%/identity.c %D%/identity.h

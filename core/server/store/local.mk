# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/keep.c %D%/keep.h \
	%D%/store.c %D%/store.h \
	%D%/store-care.c \
	%D%/store-internal.h \
	%D%/store-load.c \
	%D%/store-write.c \
	%D%/table.c %D%/table.h

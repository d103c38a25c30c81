# SPDX-License-Identifier: Apache-2.0
libslipwayengine_la_SOURCES += \
	%D%/block-device.c %D%/block-device.h \
	%D%/block-server.c %D%/block-server.h \
	%D%/change.c %D%/change.h \
	%D%/grow-table.c %D%/grow-table.h \
	%D%/mounted-grow.c \
	%D%/mounted-write.c \
	%D%/mounted.c %D%/mounted.h \
	%D%/ranges.c %D%/ranges.h \
	%D%/request.c %D%/request.h

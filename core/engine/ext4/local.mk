# SPDX-License-Identifier: Apache-2.0
# The only program that links libext2fs.
pkglibexec_PROGRAMS += slipway-ext4-personalise
slipway_ext4_personalise_SOURCES = \
	core/engine/change/ranges.c core/engine/change/ranges.h \
	core/engine/change/request.c core/engine/change/request.h \
	%D%/device.c %D%/device.h \
	%D%/main.c \
	%D%/write.c %D%/write.h
slipway_ext4_personalise_CFLAGS = $(AM_CFLAGS) $(EXT2FS_CFLAGS) $(JANSSON_CFLAGS)
slipway_ext4_personalise_LDADD = libslipwayutil.la $(EXT2FS_LIBS) -lcom_err $(JANSSON_LIBS)

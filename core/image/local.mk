# SPDX-License-Identifier: Apache-2.0
libslipwaycore_la_SOURCES += \
	%D%/checkpoint.c %D%/checkpoint.h \
	%D%/device.c %D%/device.h \
	%D%/export.c %D%/export.h \
	%D%/frame.c %D%/frame.h \
	%D%/import.c %D%/import.h \
	%D%/import-journal.c %D%/import-journal.h \
	%D%/index.c %D%/index.h %D%/index-build.c %D%/index-format.h \
	%D%/manifest.c %D%/manifest.h \
	%D%/object.c %D%/object.h \
	%D%/objects.c %D%/objects.h %D%/objects-batch.c \
	%D%/objects-collect.c %D%/objects-collect.h %D%/objects-path.h \
	%D%/partition.c %D%/partition.h %D%/partition-fs.c \
	%D%/partition-table.c %D%/partition-table.h \
	%D%/pipeline.c %D%/pipeline.h %D%/pipeline-fetch.c \
	%D%/pipeline-pages.c %D%/pipeline-parts.h %D%/pipeline-work.c \
	%D%/reader.c %D%/reader.h
libslipwaycore_la_LIBADD += $(ZSTD_LIBS)

# Disks of other programs: only the server reads them, with zlib.
if SERVER
noinst_LTLIBRARIES += libslipwaydisk.la
libslipwaydisk_la_SOURCES = \
	%D%/disk-format.c %D%/disk-format.h %D%/disk-format-parts.h \
	%D%/disk-qcow2.c \
	%D%/disk-vhdx.c \
	%D%/disk-vmdk.c
libslipwaydisk_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) \
	$(ZSTD_CFLAGS) $(ZLIB_CFLAGS)
libslipwaydisk_la_LIBADD = libslipwayutil.la $(ZSTD_LIBS) $(ZLIB_LIBS)
endif

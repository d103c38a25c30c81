# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/care.c %D%/care.h \
	%D%/care-roots.c %D%/care-roots.h \
	%D%/care-worker.c %D%/care-worker.h \
	%D%/export-worker.c %D%/export-worker.h \
	%D%/image-export.c \
	%D%/image-import.c \
	%D%/image-read.c \
	%D%/images.c %D%/images.h \
	%D%/images-parts.h \
	%D%/import-convert.c %D%/import-convert.h \
	%D%/import-worker.c %D%/import-worker.h \
	%D%/upload-import.c \
	%D%/upload-record.c \
	%D%/uploads.c %D%/uploads.h \
	%D%/uploads-parts.h

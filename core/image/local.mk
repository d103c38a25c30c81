# SPDX-License-Identifier: Apache-2.0
libslipwaycore_la_SOURCES += \
	%D%/frame.h \
	%D%/import.h \
	%D%/index.h \
	%D%/manifest.h \
	%D%/object.h \
	%D%/objects.h \
	%D%/partition.h \
	%D%/pipeline.h \
	%D%/reader.h

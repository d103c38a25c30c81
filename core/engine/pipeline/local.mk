# SPDX-License-Identifier: Apache-2.0
libslipwayengine_la_SOURCES += \
	%D%/pipeline-client.c %D%/pipeline-client.h \
	%D%/pipeline-parts.h \
	%D%/pipeline-process.c %D%/pipeline-process.h \
	%D%/pipeline-start.c %D%/pipeline-start.h \
	%D%/pipeline-tell.c

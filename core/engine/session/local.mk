# SPDX-License-Identifier: Apache-2.0
libslipwayengine_la_SOURCES += \
	%D%/fetch-host.c %D%/fetch-host.h \
	%D%/hello.c %D%/hello.h \
	%D%/session.c %D%/session.h \
	%D%/session-fetch.c \
	%D%/session-parts.h \
	%D%/session-report.c

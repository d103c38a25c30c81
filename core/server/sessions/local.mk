# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/session.c %D%/session.h \
	%D%/session-approve.c \
	%D%/session-code.c \
	%D%/session-enrol.c \
	%D%/session-hello.c \
	%D%/session-internal.h \
	%D%/session-load.c \
	%D%/session-report.c \
	%D%/session-resume.c \
	%D%/session-welcome.c \
	%D%/ticket.c %D%/ticket.h

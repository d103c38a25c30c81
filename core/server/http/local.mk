# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/door-file.c %D%/door-file.h \
	%D%/door-route.c %D%/door-route.h \
	%D%/front-door.c %D%/front-door.h \
	%D%/http.c %D%/http.h \
	%D%/http-accept.c %D%/http-accept.h \
	%D%/http-files.c %D%/http-files.h \
	%D%/http-internal.h \
	%D%/http-pipe.c \
	%D%/http-range.c %D%/http-range.h \
	%D%/http-reply.c \
	%D%/http-request.c \
	%D%/http-stream.c

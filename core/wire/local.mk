# SPDX-License-Identifier: Apache-2.0
libslipwaycore_la_SOURCES += \
	%D%/http-client.c %D%/http-client.h \
	%D%/http-get.c %D%/http-get.h \
	%D%/http-head.c %D%/http-head.h \
	%D%/http-response.c %D%/http-response.h \
	%D%/message.c %D%/message.h \
	%D%/message-member.c %D%/message-member.h \
	%D%/message-report.c \
	%D%/tls-identity.c %D%/tls-identity.h \
	%D%/tls-verify.c \
	%D%/tls.c %D%/tls.h \
	%D%/trust.c %D%/trust.h

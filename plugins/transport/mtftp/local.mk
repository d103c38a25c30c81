# SPDX-License-Identifier: Apache-2.0
# Also compiled into the unit test, which drives it in a simulated network.
MTFTP_SOURCES = %D%/mtftp.c %D%/mtftp.h %D%/report.c %D%/request.c \
	%D%/request.h %D%/send.c %D%/transfer.c %D%/transfer.h
transportplugin_LTLIBRARIES += %D%/mtftp.la
%C%_mtftp_la_SOURCES = $(MTFTP_SOURCES)
%C%_mtftp_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
%C%_mtftp_la_CFLAGS = $(PLUGIN_CFLAGS)
%C%_mtftp_la_LDFLAGS = $(PLUGIN_LINK)
PODS += %D%/slipway-mtftp-transport.7.pod
man_MANS += %D%/slipway-mtftp-transport.7

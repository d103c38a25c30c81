# SPDX-License-Identifier: Apache-2.0
transportplugin_LTLIBRARIES += %D%/unicast.la
%C%_unicast_la_SOURCES = \
	%D%/unicast.c %D%/unicast.h \
	%D%/serve.c \
	%D%/fetch.c
%C%_unicast_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
%C%_unicast_la_CFLAGS = $(PLUGIN_CFLAGS)
%C%_unicast_la_LDFLAGS = $(PLUGIN_LINK)
PODS += %D%/slipway-unicast-transport.7.pod
man_MANS += %D%/slipway-unicast-transport.7

# SPDX-License-Identifier: Apache-2.0
actionplugin_LTLIBRARIES += %D%/install.la
%C%_install_la_SOURCES = \
	%D%/files.c \
	%D%/install.c %D%/install.h \
	%D%/seed-network.c \
	%D%/seed-users.c \
	%D%/seed.c %D%/seed.h
%C%_install_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
%C%_install_la_CFLAGS = $(PLUGIN_CFLAGS) $(JANSSON_CFLAGS)
%C%_install_la_LDFLAGS = $(PLUGIN_LINK)
%C%_install_la_LIBADD = $(JANSSON_LIBS)
PODS += %D%/slipway-install-action.7.pod
man_MANS += %D%/slipway-install-action.7

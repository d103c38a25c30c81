# SPDX-License-Identifier: Apache-2.0
INVENTORY_SOURCES = \
	%D%/health-ask.c \
	%D%/health-pages.c \
	%D%/health.c %D%/health.h \
	%D%/inventory.c \
	%D%/lldp.c %D%/lldp.h \
	%D%/neighbours.c %D%/neighbours.h \
	%D%/tpm.c %D%/tpm.h
actionplugin_LTLIBRARIES += %D%/inventory.la
%C%_inventory_la_SOURCES = $(INVENTORY_SOURCES)
%C%_inventory_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
%C%_inventory_la_CFLAGS = $(PLUGIN_CFLAGS) $(JANSSON_CFLAGS)
%C%_inventory_la_LDFLAGS = $(PLUGIN_LINK)
%C%_inventory_la_LIBADD = $(JANSSON_LIBS)
PODS += %D%/slipway-inventory-action.7.pod
man_MANS += %D%/slipway-inventory-action.7

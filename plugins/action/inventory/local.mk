# SPDX-License-Identifier: Apache-2.0
actionplugin_LTLIBRARIES += %D%/inventory.la
%C%_inventory_la_SOURCES = %D%/inventory.c
%C%_inventory_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
%C%_inventory_la_CFLAGS = $(PLUGIN_CFLAGS)
%C%_inventory_la_LDFLAGS = $(PLUGIN_LINK)
PODS += %D%/slipway-inventory-action.7.pod
man_MANS += %D%/slipway-inventory-action.7

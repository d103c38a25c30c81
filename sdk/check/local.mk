# SPDX-License-Identifier: Apache-2.0
if SERVER
bin_PROGRAMS += slipway-plugin-check
slipway_plugin_check_SOURCES = %D%/behaviour.c %D%/check.c %D%/check.h \
	%D%/report.c $(MOCK_SOURCES)
slipway_plugin_check_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
slipway_plugin_check_LDADD = libslipwaycore.la libslipwayutil.la
PODS += %D%/slipway-plugin-check.1.pod
man_MANS += %D%/slipway-plugin-check.1
endif

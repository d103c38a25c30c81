# SPDX-License-Identifier: Apache-2.0
# Everything of slipwayd but its main function is a library, so that unit
# tests link what slipwayd links:
#   tests_unit_test_x_LDADD = libslipwayserver.la $(UNIT_LDADD)
noinst_LTLIBRARIES += libslipwayserver.la
libslipwayserver_la_LIBADD = libslipwaycore.la $(MHD_LIBS)
libslipwayserver_la_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
libslipwayserver_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) \
	$(MHD_CFLAGS) $(ZSTD_CFLAGS) $(PCRE2_CFLAGS)
libslipwayserver_la_SOURCES = \
	%D%/audit.h \
	%D%/config.h \
	%D%/dhcp.h \
	%D%/event.c %D%/event.h \
	%D%/http.h \
	%D%/problem.c %D%/problem.h \
	%D%/route.h \
	%D%/server.h \
	%D%/site.h \
	%D%/store.c %D%/store-internal.h %D%/store-write.c %D%/store.h

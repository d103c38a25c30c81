# SPDX-License-Identifier: Apache-2.0
# Everything of slipwayd but its main function is a library, so that unit
# tests link what slipwayd links:
#   tests_unit_test_x_LDADD = libslipwayserver.la $(UNIT_LIBS)
noinst_LTLIBRARIES += libslipwayserver.la
libslipwayserver_la_LIBADD = libslipwaydisk.la libslipwaycore.la $(MHD_LIBS) $(ELF_LIBS)
libslipwayserver_la_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
libslipwayserver_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) \
	$(MHD_CFLAGS) $(ZSTD_CFLAGS) $(PCRE2_CFLAGS) $(ELF_CFLAGS)
nodist_libslipwayserver_la_SOURCES =
libslipwayserver_la_SOURCES = \
	%D%/audit.c %D%/audit.h \
	%D%/config.c %D%/config.h \
	%D%/config-dhcp.c %D%/config-internal.h \
	%D%/deploy.c %D%/deploy.h \
	%D%/event.c %D%/event.h \
	%D%/event-text.c %D%/event-text.h \
	%D%/interfaces.c %D%/interfaces.h \
	%D%/offline.c %D%/offline.h \
	%D%/plugins.c %D%/plugins.h \
	%D%/privileges.c %D%/privileges.h \
	%D%/serve.c %D%/serve.h \
	%D%/serve-dhcp.c \
	%D%/serve-internal.h \
	%D%/serve-load.c \
	%D%/server.h \
	%D%/site.c %D%/site.h \
	%D%/site-ca.c %D%/site-ca.h \
	%D%/sockets.c %D%/sockets.h \
	%D%/sockets-passed.c %D%/sockets-passed.h

sbin_PROGRAMS += slipwayd
slipwayd_SOURCES = %D%/main.c
slipwayd_LDADD = libslipwayserver.la
slipwayd_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
slipwayd_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
systemdsystemunit_DATA = %D%/slipwayd.service
EXTRA_DIST += %D%/slipwayd.service.in
CLEANFILES += %D%/slipwayd.service
%D%/slipwayd.service: %D%/slipwayd.service.in
	$(AM_V_GEN)$(MKDIR_P) $(@D) && sed -e 's|@sbindir''@|$(sbindir)|' \
	  -e 's|@sysconfdir''@|$(sysconfdir)|' $(srcdir)/core/server/slipwayd.service.in >$@-t && mv $@-t $@
PODS += %D%/slipwayd.8.pod %D%/slipwayd.json.5.pod
man_MANS += %D%/slipwayd.8 %D%/slipwayd.json.5

include core/server/api/local.mk
include core/server/boot/local.mk
include core/server/dhcp/local.mk
include core/server/hosts/local.mk
include core/server/http/local.mk
include core/server/images/local.mk
include core/server/rest/local.mk
include core/server/sessions/local.mk
include core/server/store/local.mk
include core/server/tasks/local.mk
include core/server/workers/local.mk

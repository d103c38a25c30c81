# SPDX-License-Identifier: Apache-2.0
# Two convenience libraries; programs link them statically and take what they
# use.  Each area lists its own files.
noinst_LTLIBRARIES += libslipwayutil.la libslipwaycore.la
libslipwayutil_la_SOURCES =
libslipwayutil_la_LIBADD = $(JANSSON_LIBS) $(GNUTLS_LIBS)
libslipwayutil_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) $(PCRE2_CFLAGS)
libslipwaycore_la_SOURCES =
libslipwaycore_la_LIBADD = libslipwayutil.la
libslipwaycore_la_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
libslipwaycore_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) $(ZSTD_CFLAGS) $(ELF_CFLAGS) $(PCRE2_CFLAGS)

include core/util/local.mk
include core/plugin/local.mk
include core/boot/local.mk
include core/image/local.mk
include core/profile/local.mk
include core/wire/local.mk
include core/engine/local.mk
if SERVER
include core/server/local.mk
include core/cli/local.mk
endif
include core/doc/local.mk

# SPDX-License-Identifier: Apache-2.0
# Everything but main.c is a convenience library, so that unit tests link what
# they test.
noinst_LTLIBRARIES += libslipwayengine.la
libslipwayengine_la_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
libslipwayengine_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) $(ZSTD_CFLAGS) $(BLKID_CFLAGS)
libslipwayengine_la_LIBADD = libslipwaycore.la $(BLKID_LIBS)
libslipwayengine_la_SOURCES = \
	%D%/console.c %D%/console.h \
	%D%/engine-leave.c \
	%D%/engine-parts.h \
	%D%/engine-session.c \
	%D%/engine.c %D%/engine.h \
	%D%/run.c %D%/run.h \
	%D%/runner.c %D%/runner.h
pkglibexec_PROGRAMS += slipway-engine
slipway_engine_SOURCES = %D%/main.c
slipway_engine_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
slipway_engine_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS)
slipway_engine_LDADD = libslipwayengine.la
PODS += %D%/slipway-engine.8.pod
man_MANS += %D%/slipway-engine.8
include core/engine/actions/local.mk
include core/engine/change/local.mk
include core/engine/disks/local.mk
include core/engine/ext4/local.mk
include core/engine/facts/local.mk
include core/engine/handoff/local.mk
include core/engine/init/local.mk
include core/engine/net/local.mk
include core/engine/pipeline/local.mk
include core/engine/session/local.mk
if SERVER
include core/engine/build/local.mk
endif

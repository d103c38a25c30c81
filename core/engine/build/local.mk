# SPDX-License-Identifier: Apache-2.0
# slipway-engine-build: makes the engine's unified kernel image on the server.
noinst_LTLIBRARIES += libslipwayenginebuild.la
libslipwayenginebuild_la_SOURCES = \
	%D%/build.h \
	%D%/compress.c \
	%D%/cpio.c \
	%D%/engine-files.c \
	%D%/kernel-files.c \
	%D%/library.c \
	%D%/modules.c \
	%D%/pack.h \
	%D%/pe.c \
	%D%/site-files.c \
	%D%/tree.c \
	%D%/write.c
libslipwayenginebuild_la_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
libslipwayenginebuild_la_CFLAGS = $(AM_CFLAGS) $(ARCHIVE_CFLAGS) $(ELF_CFLAGS) \
	$(JANSSON_CFLAGS) $(LZMA_CFLAGS) $(ZSTD_CFLAGS)
libslipwayenginebuild_la_LIBADD = libslipwaycore.la libslipwayutil.la \
	$(ARCHIVE_LIBS) $(ELF_LIBS) $(JANSSON_LIBS) $(LZMA_LIBS) $(ZSTD_LIBS)

pkglibexec_PROGRAMS += slipway-engine-build
slipway_engine_build_SOURCES = %D%/main.c
slipway_engine_build_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
slipway_engine_build_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
slipway_engine_build_LDADD = libslipwayenginebuild.la

enginedatadir = $(pkgdatadir)/engine
dist_enginedata_DATA = %D%/modules.list
ALL_LOCAL += data-built/engine/modules.list
CLEANFILES += data-built/engine/modules.list
data-built/engine/modules.list: %D%/modules.list
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cp $< $@
PODS += %D%/slipway-engine-build.8.pod
man_MANS += %D%/slipway-engine-build.8

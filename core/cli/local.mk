# SPDX-License-Identifier: Apache-2.0
bin_PROGRAMS += slipway
slipway_SOURCES = %D%/main.c
slipway_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
slipway_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS)
slipway_LDADD = libslipwaycli.la

noinst_LTLIBRARIES += libslipwaycli.la
libslipwaycli_la_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
libslipwaycli_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(CURL_CFLAGS)
libslipwaycli_la_LIBADD = libslipwayutil.la $(JANSSON_LIBS) $(CURL_LIBS) $(GNUTLS_LIBS)
libslipwaycli_la_SOURCES = \
	%D%/approve.c \
	%D%/arguments.c %D%/arguments.h \
	%D%/cli.c %D%/cli.h \
	%D%/complete.c %D%/complete.h \
	%D%/engine.c \
	%D%/enrol.c \
	%D%/event.c \
	%D%/explain.c \
	%D%/framed.c %D%/framed.h \
	%D%/host.c %D%/host.h \
	%D%/image.c \
	%D%/image-care.c \
	%D%/image-export.c \
	%D%/inventory.c \
	%D%/output.c %D%/output.h \
	%D%/patience.c %D%/patience.h \
	%D%/profile.c \
	%D%/progress.c %D%/progress.h \
	%D%/qcow2.c %D%/qcow2.h \
	%D%/range.c %D%/range.h \
	%D%/rest.c %D%/rest-internal.h %D%/rest.h \
	%D%/rest-follow.c \
	%D%/settings.c %D%/settings.h \
	%D%/secret.c \
	%D%/status.c \
	%D%/task.c \
	%D%/token.c \
	%D%/verbs.c

# The program, and a page for each noun.
CLI_PODS = %D%/slipway.1.pod \
	%D%/slipway-audit.1.pod \
	%D%/slipway-batch.1.pod \
	%D%/slipway-engine.1.pod \
	%D%/slipway-enrol.1.pod \
	%D%/slipway-event.1.pod \
	%D%/slipway-explain.1.pod \
	%D%/slipway-host.1.pod \
	%D%/slipway-image.1.pod \
	%D%/slipway-lease.1.pod \
	%D%/slipway-plugin.1.pod \
	%D%/slipway-profile.1.pod \
	%D%/slipway-secret.1.pod \
	%D%/slipway-status.1.pod \
	%D%/slipway-task.1.pod \
	%D%/slipway-token.1.pod \
	%D%/slipway-upload.1.pod
PODS += $(CLI_PODS)
man_MANS += $(CLI_PODS:.pod=)

# Completion: bash asks `slipway complete`.
bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = %D%/completion/slipway

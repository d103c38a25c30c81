# SPDX-License-Identifier: Apache-2.0
# Everything of slipwayd but its main function is a library, so that unit
# tests link what slipwayd links:
#   tests_unit_test_x_LDADD = libslipwayserver.la $(UNIT_LIBS)
noinst_LTLIBRARIES += libslipwayserver.la
libslipwayserver_la_LIBADD = libslipwaydisk.la libslipwaycore.la $(MHD_LIBS) $(ELF_LIBS)
libslipwayserver_la_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
libslipwayserver_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) \
	$(MHD_CFLAGS) $(ZSTD_CFLAGS) $(PCRE2_CFLAGS) $(ELF_CFLAGS)
libslipwayserver_la_SOURCES = \
	%D%/api.h \
	%D%/api-engine.c \
	%D%/api-care.c \
	%D%/api-event.c \
	%D%/api-host.c \
	%D%/api-image.c %D%/api-image.h \
	%D%/api-openapi.c \
	%D%/api-plugin.c \
	%D%/api-problem.c \
	%D%/api-profile.c \
	%D%/api-status.c \
	%D%/api-token.c \
	%D%/api-upload.c \
	%D%/audit.c %D%/audit.h \
	%D%/care.c %D%/care.h \
	%D%/care-roots.c %D%/care-roots.h \
	%D%/care-worker.c %D%/care-worker.h \
	%D%/config.c %D%/config.h \
	%D%/config-dhcp.c %D%/config-internal.h \
	%D%/dhcp.c %D%/dhcp.h \
	%D%/dhcp-boot.c \
	%D%/dhcp-commit.c \
	%D%/dhcp-config.c \
	%D%/dhcp-conflict.c \
	%D%/dhcp-internal.h \
	%D%/dhcp-lease.c \
	%D%/dhcp-probe.c \
	%D%/dhcp-proxy.c \
	%D%/dhcp-receive.c \
	%D%/dhcp-rendezvous.c \
	%D%/dhcp-reply.c \
	%D%/dhcp-seen.c \
	%D%/door-file.c %D%/door-file.h \
	%D%/door-route.c %D%/door-route.h \
	%D%/event.c %D%/event.h \
	%D%/export-worker.c %D%/export-worker.h \
	%D%/front-door.c %D%/front-door.h \
	%D%/http.c %D%/http.h \
	%D%/http-accept.c %D%/http-accept.h \
	%D%/http-files.c %D%/http-files.h \
	%D%/http-internal.h \
	%D%/http-pipe.c \
	%D%/http-range.c %D%/http-range.h \
	%D%/http-reply.c \
	%D%/http-request.c \
	%D%/http-stream.c \
	%D%/http-upload.c \
	%D%/image-export.c \
	%D%/image-import.c \
	%D%/image-read.c \
	%D%/images.c %D%/images.h \
	%D%/images-parts.h \
	%D%/import-convert.c %D%/import-convert.h \
	%D%/import-worker.c %D%/import-worker.h \
	%D%/interfaces.c %D%/interfaces.h \
	%D%/lease.c %D%/lease.h \
	%D%/lease-log.c %D%/lease-log.h \
	%D%/offline.c %D%/offline.h \
	%D%/openapi.c %D%/openapi.h \
	%D%/operation.c %D%/operation.h \
	%D%/plugins.c %D%/plugins.h \
	%D%/privileges.c %D%/privileges.h \
	%D%/problem.c %D%/problem.h \
	%D%/publish.c %D%/publish.h \
	%D%/publish-script.c %D%/publish-script.h \
	%D%/retention.c %D%/retention.h \
	%D%/route.c %D%/route.h \
	%D%/routes.c \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/sandbox-calls.h \
	%D%/schema.c %D%/schema.h \
	%D%/schema-builtin.c \
	%D%/secret.c %D%/secret.h \
	%D%/serve.c %D%/serve.h \
	%D%/serve-dhcp.c \
	%D%/serve-host.c %D%/serve-host.h \
	%D%/serve-internal.h \
	%D%/serve-load.c \
	%D%/server.h \
	%D%/site.c %D%/site.h \
	%D%/site-ca.c %D%/site-ca.h \
	%D%/sockets.c %D%/sockets.h \
	%D%/sockets-passed.c %D%/sockets-passed.h \
	%D%/store.c %D%/store.h \
	%D%/store-care.c \
	%D%/store-internal.h \
	%D%/store-load.c \
	%D%/store-write.c \
	%D%/token.c %D%/token.h \
	%D%/upload-import.c \
	%D%/upload-record.c \
	%D%/uploads.c %D%/uploads.h %D%/uploads-parts.h \
	%D%/transport-worker.c %D%/transport-worker.h \
	%D%/worker.c %D%/worker.h \
	%D%/worker-child.c %D%/worker-child.h \
	%D%/worker-main.c %D%/worker-main.h \
	%D%/worker-process.c %D%/worker-process.h

sbin_PROGRAMS += slipwayd
slipwayd_SOURCES = %D%/main.c
slipwayd_LDADD = libslipwayserver.la
slipwayd_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
slipwayd_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
PODS += %D%/slipwayd.8.pod %D%/slipwayd.json.5.pod
man_MANS += %D%/slipwayd.8 %D%/slipwayd.json.5

# The JSON schemas of requests and replies are built in.
API_SCHEMAS = \
	%D%/schema/common.json \
	%D%/schema/host.json \
	%D%/schema/parameter.json \
	%D%/schema/image.json \
	%D%/schema/server.json \
	%D%/schema/task.json
EXTRA_DIST += $(API_SCHEMAS) %D%/schema/embed.awk
nodist_libslipwayserver_la_SOURCES = %D%/schema-text.h
BUILT_SOURCES += %D%/schema-text.h
CLEANFILES += %D%/schema-text.h
%D%/schema-text.h: $(API_SCHEMAS) %D%/schema/embed.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && files= && for f in $(API_SCHEMAS); do \
	  test -e $$f || f=$(srcdir)/$$f; files="$$files $$f"; done && \
	$(AWK) -f $(srcdir)/core/server/schema/embed.awk $$files >$@-t && mv $@-t $@

# The catalogue of problems: the table, and its manual page.
EXTRA_DIST += %D%/problems.list %D%/problems.awk
nodist_libslipwayserver_la_SOURCES += %D%/problem-table.h
BUILT_SOURCES += %D%/problem-table.h
CLEANFILES += %D%/problem-table.h %D%/slipway-problems.7.pod
man_MANS += %D%/slipway-problems.7
%D%/problem-table.h: %D%/problems.list %D%/problems.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(AWK) -v to=c \
	  -f $(srcdir)/core/server/problems.awk $(srcdir)/core/server/problems.list >$@-t && mv $@-t $@
%D%/slipway-problems.7.pod: %D%/problems.list %D%/problems.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(AWK) -v to=pod \
	  -f $(srcdir)/core/server/problems.awk $(srcdir)/core/server/problems.list >$@-t && mv $@-t $@

# Hosts, tasks, sessions and batches.
libslipwayserver_la_SOURCES += \
	%D%/api-approve.c \
	%D%/api-batch.c %D%/api-deploy.h \
	%D%/api-content.c \
	%D%/api-enrol.c \
	%D%/api-secret.c \
	%D%/api-session.c \
	%D%/api-task.c \
	%D%/batch.c %D%/batch.h \
	%D%/deploy.c %D%/deploy.h \
	%D%/device-names.c %D%/device-names.h \
	%D%/keep.c %D%/keep.h \
	%D%/host.c %D%/host-change.c %D%/host-internal.h %D%/host.h \
	%D%/host-record.c %D%/host-record.h \
	%D%/identity.c %D%/identity.h \
	%D%/policy.c %D%/policy.h \
	%D%/table.c %D%/table.h \
	%D%/task.c %D%/task-internal.h %D%/task.h \
	%D%/task-life.c \
	%D%/task-plan.c %D%/task-plan.h \
	%D%/task-record.c \
	%D%/task-secret.c %D%/task-secret.h \
	%D%/task-start.c \
	%D%/ticket.c %D%/ticket.h \
	%D%/enrol.c %D%/enrol.h \
	%D%/session.c %D%/session-internal.h %D%/session.h \
	%D%/session-approve.c \
	%D%/session-code.c \
	%D%/session-enrol.c \
	%D%/session-hello.c \
	%D%/session-load.c \
	%D%/session-report.c \
	%D%/session-resume.c \
	%D%/session-welcome.c

# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/openapi.c %D%/openapi.h \
	%D%/operation.c %D%/operation.h \
	%D%/problem.c %D%/problem.h \
	%D%/route.c %D%/route.h \
	%D%/routes.c \
	%D%/schema.c %D%/schema.h \
	%D%/schema-builtin.c \
	%D%/schema-fits.c \
	%D%/schema-parts.h \
	%D%/token.c %D%/token.h

# The JSON schemas of requests and replies are built in, those of profiles and
# inventories among them.
API_SCHEMAS = \
	%D%/schema/common.json \
	%D%/schema/host.json \
	%D%/schema/parameter.json \
	%D%/schema/image.json \
	%D%/schema/server.json \
	%D%/schema/session.json \
	%D%/schema/task.json \
	profiles/schema/inventory.json \
	profiles/schema/profile.json
EXTRA_DIST += $(API_SCHEMAS) %D%/schema/embed.awk
nodist_libslipwayserver_la_SOURCES += %D%/schema-text.h
BUILT_SOURCES += %D%/schema-text.h
CLEANFILES += %D%/schema-text.h
%D%/schema-text.h: $(API_SCHEMAS) %D%/schema/embed.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && files= && for f in $(API_SCHEMAS); do \
	  test -e $$f || f=$(srcdir)/$$f; files="$$files $$f"; done && \
	$(AWK) -f $(srcdir)/core/server/rest/schema/embed.awk $$files >$@-t && mv $@-t $@

# The catalogue of problems: the table, and its manual page.
EXTRA_DIST += %D%/problems.list %D%/problems.awk
nodist_libslipwayserver_la_SOURCES += %D%/problem-table.h
BUILT_SOURCES += %D%/problem-table.h
CLEANFILES += %D%/problem-table.h %D%/slipway-problems.7.pod
man_MANS += %D%/slipway-problems.7
%D%/problem-table.h: %D%/problems.list %D%/problems.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(AWK) -v to=c \
	  -f $(srcdir)/core/server/rest/problems.awk $(srcdir)/core/server/rest/problems.list >$@-t && mv $@-t $@
%D%/slipway-problems.7.pod: %D%/problems.list %D%/problems.awk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(AWK) -v to=pod \
	  -f $(srcdir)/core/server/rest/problems.awk $(srcdir)/core/server/rest/problems.list >$@-t && mv $@-t $@

# SPDX-License-Identifier: Apache-2.0
SQLITE_STORE_SOURCES = %D%/backup.c %D%/change.c %D%/database.c %D%/lease.c \
	%D%/queue.c %D%/read.c %D%/row.c %D%/sqlite.c %D%/sqlite.h \
	%D%/watch.c %D%/writer.c
storeplugin_LTLIBRARIES += %D%/sqlite.la
%C%_sqlite_la_SOURCES = $(SQLITE_STORE_SOURCES)
%C%_sqlite_la_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
%C%_sqlite_la_CFLAGS = $(PLUGIN_CFLAGS) $(SQLITE_CFLAGS) -pthread
%C%_sqlite_la_LDFLAGS = $(PLUGIN_LINK)
%C%_sqlite_la_LIBADD = $(SQLITE_LIBS)
PODS += %D%/slipway-sqlite-store.7.pod
man_MANS += %D%/slipway-sqlite-store.7

# SPDX-License-Identifier: Apache-2.0
# Plugins that are right or wrong in one way each, in the shape of a plugin
# folder: tests/plugin/built/MACHINE/action/NAME.so.  Those of a foreign
# machine are there when its compiler is.
FIXTURES = \
	%D%/fixtures/bad-param.c \
	%D%/fixtures/bad-return.c \
	%D%/fixtures/constructor.c \
	%D%/fixtures/crash.c \
	%D%/fixtures/execstack.c \
	%D%/fixtures/floods-log.c \
	%D%/fixtures/good.c \
	%D%/fixtures/hang.c \
	%D%/fixtures/leak.c \
	%D%/fixtures/library.c \
	%D%/fixtures/minimal.c \
	%D%/fixtures/needs-library.c \
	%D%/fixtures/needs-newer.c \
	%D%/fixtures/newer.c \
	%D%/fixtures/no-run.c \
	%D%/fixtures/not-a-plugin.c \
	%D%/fixtures/older.c \
	%D%/fixtures/rpath.c \
	%D%/fixtures/services.c \
	%D%/fixtures/short-descriptor.c \
	%D%/fixtures/textrel.c \
	%D%/fixtures/two-symbols.c \
	%D%/fixtures/undefined.c \
	%D%/fixtures/wrong-major.c \
	%D%/fixtures/wrong-name.c
EXTRA_DIST += $(FIXTURES) %D%/build-fixtures
check_DATA += %D%/built.stamp

FIXTURE_FLAGS = -I$(abs_top_builddir)/sdk/include -I$(abs_top_srcdir)/sdk/include
%D%/built.stamp: $(FIXTURES) %D%/build-fixtures $(slipwayinclude_HEADERS) \
		$(nodist_slipwayinclude_HEADERS)
	$(AM_V_GEN)rm -rf %D%/built && $(MKDIR_P) %D%/built && \
	$(srcdir)/%D%/build-fixtures $(srcdir)/%D%/fixtures %D%/built \
	  $(slipway_machine) "$(CC)" $(FIXTURE_FLAGS) && \
	if test $(slipway_machine) = x86_64 && \
	    command -v i686-linux-gnu-gcc >/dev/null; then \
	  $(srcdir)/%D%/build-fixtures $(srcdir)/%D%/fixtures %D%/built \
	    i686 i686-linux-gnu-gcc $(FIXTURE_FLAGS); \
	fi && touch $@
CLEANFILES += %D%/built.stamp
clean-local: clean-fixtures
clean-fixtures:
	rm -rf %D%/built
.PHONY: clean-fixtures

if CMOCKA
if SERVER
STORE_DRIVER = %D%/store-driver.c %D%/store-driver.h
check_PROGRAMS += %D%/store-conformance
TESTS += %D%/store-conformance
%C%_store_conformance_SOURCES = %D%/store-conformance.c $(STORE_DRIVER)
%C%_store_conformance_LDADD = $(UNIT_LIBS)
%C%_store_conformance_CFLAGS = $(UNIT_CFLAGS)
check_PROGRAMS += %D%/store-crash
TESTS += %D%/store-crash
%C%_store_crash_SOURCES = %D%/store-crash.c $(STORE_DRIVER)
%C%_store_crash_LDADD = $(UNIT_LIBS)
%C%_store_crash_CFLAGS = $(UNIT_CFLAGS)
check_PROGRAMS += %D%/store-random
TESTS += %D%/store-random
%C%_store_random_SOURCES = %D%/store-random.c $(STORE_DRIVER) \
	tests/lib/faulty-store.c tests/lib/faulty-store.h
%C%_store_random_LDADD = $(UNIT_LIBS)
%C%_store_random_CFLAGS = $(UNIT_CFLAGS)
check_PROGRAMS += %D%/sqlite-damage
TESTS += %D%/sqlite-damage.sh
dist_check_SCRIPTS += %D%/sqlite-damage.sh
%C%_sqlite_damage_SOURCES = %D%/sqlite-damage.c $(STORE_DRIVER)
%C%_sqlite_damage_LDADD = $(UNIT_LIBS)
%C%_sqlite_damage_CFLAGS = $(UNIT_CFLAGS)
%C%_sqlite_damage_LDFLAGS = $(AM_LDFLAGS) -rdynamic
endif
endif

if SERVER
TESTS += %D%/test-check.sh
EXTRA_DIST += %D%/test-check.sh
endif

# SPDX-License-Identifier: Apache-2.0
# Every test is one process that prints TAP, run below tests/lib/limit, which
# gives it a time limit and a folder of its own.
LOG_DRIVER = env AM_TAP_AWK='$(AWK)' $(SHELL) $(top_srcdir)/build-aux/tap-driver.sh
TEST_EXTENSIONS = .sh
SH_LOG_DRIVER = $(LOG_DRIVER)
LOG_COMPILER = $(top_srcdir)/tests/lib/limit
SH_LOG_COMPILER = $(top_srcdir)/tests/lib/limit
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(abs_top_srcdir)'; export top_srcdir; \
	top_builddir='$(abs_top_builddir)'; export top_builddir; \
	MALLOC_PERTURB_=165; export MALLOC_PERTURB_;
EXTRA_DIST += tests/lib/limit tests/run.in

UNIT_LIBS = libslipwaycore.la libslipwayutil.la $(CMOCKA_LIBS)
UNIT_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) $(ZSTD_CFLAGS)

# `make check` runs TESTS: no network, no root.  The others are named here by
# their folders' local.mk and run by targets of their own.  Whatever the target,
# TESTS on the command line is what runs.
SYSTEM_TESTS =
VM_TESTS =
FULL_TESTS =
chosen_tests = $(if $(findstring command line,$(origin TESTS)),$(TESTS),$(1))

.PHONY: check-system check-vm check-full bench
check-system: all $(check_PROGRAMS) $(check_LTLIBRARIES)
	$(MAKE) $(AM_MAKEFLAGS) check-TESTS TESTS='$(call chosen_tests,$(SYSTEM_TESTS))' \
	  TEST_SUITE_LOG=check-system.log
check-vm: all $(check_PROGRAMS) $(check_LTLIBRARIES)
	$(MAKE) $(AM_MAKEFLAGS) -j1 check-TESTS TESTS='$(call chosen_tests,$(VM_TESTS))' \
	  TEST_SUITE_LOG=check-vm.log
# Everything that takes long, one file a group: make check-full GROUP=power-cut
check-full: all $(check_PROGRAMS) $(check_LTLIBRARIES)
	$(MAKE) $(AM_MAKEFLAGS) -j1 check-TESTS TEST_SUITE_LOG=check-full.log \
	  TESTS='$(call chosen_tests,$(if $(GROUP),$(filter %/full-$(GROUP).sh,$(FULL_TESTS)),$(FULL_TESTS)))'
EXTRA_DIST += $(SYSTEM_TESTS) $(VM_TESTS) $(FULL_TESTS) \
	tests/lib/check tests/lib/configure-i686 tests/lib/fill-cache \
	tests/lib/cut-writes tests/lib/deploy.sh tests/lib/file-systems.sh tests/lib/foreign-apt.sh tests/lib/functions.sh tests/lib/install-missing tests/lib/lab.sh \
	tests/lib/make-debian-image tests/lib/make-ipxe tests/lib/make-sysroot tests/lib/packages \
	tests/lib/dhcp-client tests/lib/qmp tests/lib/site.sh tests/lib/skips tests/lib/wait-text

if SERVER
noinst_PROGRAMS += tests/lib/compare-disk
tests_lib_compare_disk_SOURCES = tests/lib/compare-disk.c
tests_lib_compare_disk_LDADD = libslipwayserver.la
tests_lib_compare_disk_CFLAGS = $(UNIT_CFLAGS)
noinst_PROGRAMS += tests/lib/refuse-kexec
tests_lib_refuse_kexec_SOURCES = tests/lib/refuse-kexec.c
tests_lib_refuse_kexec_LDADD = libslipwayutil.la
endif

if CMOCKA
include tests/unit/local.mk
endif
include tests/plugin/local.mk
include tests/abi/local.mk
include tests/repo/local.mk
include tests/system/local.mk
include tests/vm/local.mk
include tests/fuzz/local.mk
include tests/bench/local.mk
include tests/demo/local.mk

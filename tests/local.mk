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

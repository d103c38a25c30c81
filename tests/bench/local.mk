# SPDX-License-Identifier: Apache-2.0
# Benchmarks print one JSON object a line and fail only when a peer is missing
# or a result is wrong.  `make bench` runs them all; nothing else does.
bench_runs = %D%/bench-dhcp.sh %D%/bench-image.sh %D%/bench-power-on.sh \
	%D%/bench-server-memory.sh %D%/bench-tftp.sh
EXTRA_DIST += $(bench_runs)

EXTRA_PROGRAMS += tests/bench/image-tool
CLEANFILES += tests/bench/image-tool
tests_bench_image_tool_SOURCES = %D%/image-tool.c \
	tests/unit/pipeline-driver.c tests/unit/pipeline-driver.h
tests_bench_image_tool_LDADD = libslipwaydisk.la libslipwaycore.la libslipwayutil.la
tests_bench_image_tool_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
bench_tools = tests/bench/image-tool

.PHONY: bench
bench: $(bench_tools)
	@for script in $(bench_runs); do \
	  top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' \
	  SLIPWAY_TEST_LIMIT_S=1800 $(top_srcdir)/tests/lib/limit \
	    $(SHELL) $(top_srcdir)/$$script || exit 1; done

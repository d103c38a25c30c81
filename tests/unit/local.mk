# SPDX-License-Identifier: Apache-2.0
if SERVER
check_PROGRAMS += tests/unit/test-profile
TESTS += tests/unit/test-profile
tests_unit_test_profile_SOURCES = %D%/test-profile.c
tests_unit_test_profile_LDADD = $(UNIT_LIBS)
tests_unit_test_profile_CFLAGS = $(UNIT_CFLAGS)
endif

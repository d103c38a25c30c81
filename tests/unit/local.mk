# SPDX-License-Identifier: Apache-2.0
if SERVER
check_PROGRAMS += tests/unit/test-profile
TESTS += tests/unit/test-profile
tests_unit_test_profile_SOURCES = %D%/test-profile.c
tests_unit_test_profile_LDADD = $(UNIT_LIBS)
tests_unit_test_profile_CFLAGS = $(UNIT_CFLAGS)
endif
check_PROGRAMS += tests/unit/test-import
TESTS += tests/unit/test-import
tests_unit_test_import_SOURCES = %D%/test-import.c %D%/image-fixture.c %D%/image-fixture.h
tests_unit_test_import_LDADD = $(UNIT_LIBS)
tests_unit_test_import_CFLAGS = $(UNIT_CFLAGS)

# SPDX-License-Identifier: Apache-2.0
# Vendors compile these files into their own tests.
MOCK_SOURCES = %D%/mock.c %D%/mock-internal.h %D%/mock-services.c
sdkdatadir = $(pkgdatadir)/sdk
dist_sdkdata_DATA = $(MOCK_SOURCES)

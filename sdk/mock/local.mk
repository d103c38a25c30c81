# SPDX-License-Identifier: Apache-2.0
# Vendors compile this file into their own tests.
sdkdatadir = $(pkgdatadir)/sdk
dist_sdkdata_DATA = %D%/mock.c

# SPDX-License-Identifier: Apache-2.0
slipwayincludedir = $(includedir)/slipway
slipwayinclude_HEADERS = \
	%D%/include/slipway/action.h \
	%D%/include/slipway/arch.h \
	%D%/include/slipway/mock.h \
	%D%/include/slipway/params.h \
	%D%/include/slipway/plugin.h \
	%D%/include/slipway/store.h \
	%D%/include/slipway/transport.h
nodist_slipwayinclude_HEADERS = %D%/include/slipway/version.h
pkgconfigdir = $(libdir)/pkgconfig
nodist_pkgconfig_DATA = %D%/slipway-sdk.pc

include sdk/check/local.mk
include sdk/mock/local.mk
include sdk/template/local.mk
include sdk/doc/local.mk

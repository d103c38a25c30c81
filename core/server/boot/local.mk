# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/policy.c %D%/policy.h \
	%D%/publish.c %D%/publish.h \
	%D%/publish-script.c %D%/publish-script.h

# SPDX-License-Identifier: Apache-2.0
libslipwaycore_la_SOURCES += %D%/plan.c %D%/plan.h
if SERVER
libslipwaycore_la_SOURCES += \
	%D%/check.c %D%/check.h \
	%D%/expand.c %D%/expand.h \
	%D%/match.c %D%/match.h \
	%D%/profile.c %D%/profile.h
endif

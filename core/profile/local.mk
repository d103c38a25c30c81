# SPDX-License-Identifier: Apache-2.0
libslipwaycore_la_SOURCES += %D%/plan.c %D%/plan.h
if SERVER
libslipwaycore_la_SOURCES += \
	%D%/check.c %D%/check.h \
	%D%/expand.c %D%/expand.h \
	%D%/match.c %D%/match.h \
	%D%/profile.c %D%/profile.h \
	%D%/secret.c %D%/secret.h
PODS += %D%/slipway-profile.5.pod
man_MANS += %D%/slipway-profile.5
endif

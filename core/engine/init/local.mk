# SPDX-License-Identifier: Apache-2.0
libslipwayengine_la_SOURCES += \
	%D%/init.c %D%/init.h \
	%D%/init-console.c %D%/init-console.h \
	%D%/init-devices.c %D%/init-devices.h \
	%D%/init-reap.c %D%/init-reap.h \
	%D%/modules.c %D%/modules.h

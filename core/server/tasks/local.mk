# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/batch.c %D%/batch.h \
	%D%/retention.c %D%/retention.h \
	%D%/secret.c %D%/secret.h \
	%D%/task.c %D%/task.h \
	%D%/task-internal.h \
	%D%/task-life.c \
	%D%/task-plan.c %D%/task-plan.h \
	%D%/task-record.c \
	%D%/task-secret.c %D%/task-secret.h \
	%D%/task-start.c

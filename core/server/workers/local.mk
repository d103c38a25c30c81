# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/sandbox.c %D%/sandbox.h \
	%D%/sandbox-calls.h \
	%D%/serve-host.c %D%/serve-host.h \
	%D%/transport-worker.c %D%/transport-worker.h \
	%D%/worker.c %D%/worker.h \
	%D%/worker-child.c %D%/worker-child.h \
	%D%/worker-job.c %D%/worker-job.h \
	%D%/worker-main.c %D%/worker-main.h \
	%D%/worker-process.c %D%/worker-process.h

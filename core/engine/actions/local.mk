# SPDX-License-Identifier: Apache-2.0
libslipwayengine_la_SOURCES += \
	%D%/action-command.c \
	%D%/action-host.c %D%/action-host.h \
	%D%/action-host-blob.c \
	%D%/action-host-calls.c \
	%D%/action-host-checkpoint.c \
	%D%/action-host-disks.c \
	%D%/action-host-grow.c \
	%D%/action-host-images.c \
	%D%/action-host-parts.h \
	%D%/action-host-personalise.c \
	%D%/action-host-servers.c \
	%D%/action-process.c %D%/action-process.h \
	%D%/action-rpc.c %D%/action-rpc.h \
	%D%/action-services.c \
	%D%/personalise.c %D%/personalise.h

# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/api.h \
	%D%/api-approve.c \
	%D%/api-batch.c \
	%D%/api-care.c \
	%D%/api-content.c \
	%D%/api-deploy.h \
	%D%/api-engine.c \
	%D%/api-enrol.c \
	%D%/api-event.c \
	%D%/api-host.c \
	%D%/api-image.c %D%/api-image.h \
	%D%/api-openapi.c \
	%D%/api-plugin.c \
	%D%/api-problem.c \
	%D%/api-profile.c \
	%D%/api-secret.c \
	%D%/api-session.c \
	%D%/api-status.c \
	%D%/api-task.c \
	%D%/api-token.c \
	%D%/api-upload.c

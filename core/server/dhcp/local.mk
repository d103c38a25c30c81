# SPDX-License-Identifier: Apache-2.0
libslipwayserver_la_SOURCES += \
	%D%/dhcp.c %D%/dhcp.h \
	%D%/dhcp-boot.c \
	%D%/dhcp-commit.c \
	%D%/dhcp-config.c \
	%D%/dhcp-conflict.c \
	%D%/dhcp-internal.h \
	%D%/dhcp-lease.c \
	%D%/dhcp-probe.c \
	%D%/dhcp-proxy.c \
	%D%/dhcp-receive.c \
	%D%/dhcp-rendezvous.c \
	%D%/dhcp-reply.c \
	%D%/dhcp-seen.c \
	%D%/lease.c %D%/lease.h \
	%D%/lease-log.c %D%/lease-log.h

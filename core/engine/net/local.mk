# SPDX-License-Identifier: Apache-2.0
libslipwayengine_la_SOURCES += \
	%D%/find-server.c %D%/find-server.h \
	%D%/lldp.c %D%/lldp.h \
	%D%/net.c %D%/net.h \
	%D%/net-dhcp.c %D%/net-dhcp.h \
	%D%/net-link.c %D%/net-link.h \
	%D%/rendezvous.c %D%/rendezvous.h

# SPDX-License-Identifier: Apache-2.0
# Everything but main.c is a convenience library, so that unit tests link what
# they test.
noinst_LTLIBRARIES += libslipwayengine.la
libslipwayengine_la_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
libslipwayengine_la_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) $(ZSTD_CFLAGS) $(BLKID_CFLAGS)
libslipwayengine_la_LIBADD = libslipwaycore.la $(BLKID_LIBS)
libslipwayengine_la_SOURCES = \
	%D%/action-command.c \
	%D%/action-host-calls.c \
	%D%/action-host-checkpoint.c \
	%D%/action-host-disks.c \
	%D%/action-host-grow.c \
	%D%/action-host-images.c \
	%D%/action-host-parts.h \
	%D%/action-host-personalise.c \
	%D%/action-host-servers.c \
	%D%/action-host.c %D%/action-host.h \
	%D%/action-process.c %D%/action-process.h \
	%D%/action-rpc.c %D%/action-rpc.h \
	%D%/action-services.c \
	%D%/change/block-server.c %D%/change/block-server.h \
	%D%/change/block-device.c %D%/change/block-device.h \
	%D%/change/change.c %D%/change/change.h \
	%D%/change/grow-table.c %D%/change/grow-table.h \
	%D%/change/mounted.c %D%/change/mounted.h \
	%D%/change/mounted-grow.c \
	%D%/change/mounted-write.c \
	%D%/change/ranges.c %D%/change/ranges.h \
	%D%/change/request.c %D%/change/request.h \
	%D%/console.c %D%/console.h \
	%D%/disk-select.c %D%/disk-select.h \
	%D%/disks-internal.h \
	%D%/disks-place.c \
	%D%/disks-probe.c \
	%D%/disks.c %D%/disks.h \
	%D%/efi-variables.c %D%/efi-variables.h \
	%D%/engine-leave.c \
	%D%/engine-parts.h \
	%D%/engine-session.c \
	%D%/engine.c %D%/engine.h \
	%D%/facts-devices.c \
	%D%/facts-internal.h \
	%D%/facts-ports.c \
	%D%/facts-security.c \
	%D%/facts-smbios.c \
	%D%/facts-sysfs.c \
	%D%/facts.c %D%/facts.h \
	%D%/fetch-host.c %D%/fetch-host.h \
	%D%/find-server.c %D%/find-server.h \
	%D%/handoff-efi.c %D%/handoff-efi.h \
	%D%/handoff-kexec.c %D%/handoff-kexec.h \
	%D%/handoff.c %D%/handoff.h \
	%D%/hello.c %D%/hello.h \
	%D%/init-console.c %D%/init-console.h \
	%D%/init-devices.c %D%/init-devices.h \
	%D%/init-reap.c %D%/init-reap.h \
	%D%/init.c %D%/init.h \
	%D%/lldp.c %D%/lldp.h \
	%D%/installed-find.c \
	%D%/installed-grub.c \
	%D%/installed-line.c \
	%D%/installed-loader.c \
	%D%/installed-mount.c %D%/installed-mount.h \
	%D%/installed-uki.c \
	%D%/installed.h \
	%D%/kexec-process.c %D%/kexec-process.h \
	%D%/modules.c %D%/modules.h \
	%D%/net-dhcp.c %D%/net-dhcp.h \
	%D%/net-link.c %D%/net-link.h \
	%D%/net.c %D%/net.h \
	%D%/personalise.c %D%/personalise.h \
	%D%/pipeline-client.c %D%/pipeline-client.h \
	%D%/pipeline-parts.h \
	%D%/pipeline-process.c %D%/pipeline-process.h \
	%D%/pipeline-start.c %D%/pipeline-start.h \
	%D%/pipeline-tell.c \
	%D%/rendezvous.c %D%/rendezvous.h \
	%D%/run.c %D%/run.h \
	%D%/runner.c %D%/runner.h \
	%D%/session-fetch.c \
	%D%/session-parts.h \
	%D%/session-report.c \
	%D%/session.c %D%/session.h
pkglibexec_PROGRAMS += slipway-engine
slipway_engine_SOURCES = %D%/main.c
slipway_engine_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
slipway_engine_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS)
slipway_engine_LDADD = libslipwayengine.la
PODS += %D%/slipway-engine.8.pod
man_MANS += %D%/slipway-engine.8
include core/engine/ext4/local.mk
if SERVER
include core/engine/build/local.mk
endif

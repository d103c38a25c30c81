# SPDX-License-Identifier: Apache-2.0
# Each target reads one kind of untrusted input.  An ordinary build links it
# with replay.c, which feeds it its corpus; --enable-fuzzers with libFuzzer.
# To add one: fuzz-X.c, corpus/X/, X in fuzz_targets and the five lines below.
fuzz_targets = tests/fuzz/fuzz-checkpoint tests/fuzz/fuzz-frame \
	tests/fuzz/fuzz-index tests/fuzz/fuzz-manifest tests/fuzz/fuzz-partition
fuzz_targets += tests/fuzz/fuzz-message
check_PROGRAMS += $(fuzz_targets)
EXTRA_DIST += %D%/corpus
FUZZ_LIBS = libslipwaycore.la libslipwayutil.la
FUZZ_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(GNUTLS_CFLAGS) $(ZSTD_CFLAGS)
if FUZZERS
fuzz_main =
FUZZ_LINK = $(AM_LDFLAGS) -fsanitize=fuzzer
EXTRA_DIST += %D%/replay.c
else
fuzz_main = %D%/replay.c
FUZZ_LINK = $(AM_LDFLAGS)
TESTS += $(fuzz_targets)
endif

tests_fuzz_fuzz_checkpoint_SOURCES = %D%/fuzz-checkpoint.c $(fuzz_main)
tests_fuzz_fuzz_checkpoint_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_checkpoint_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_checkpoint_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_frame_SOURCES = %D%/fuzz-frame.c $(fuzz_main)
tests_fuzz_fuzz_frame_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_frame_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_frame_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_index_SOURCES = %D%/fuzz-index.c $(fuzz_main)
tests_fuzz_fuzz_index_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_index_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_index_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_manifest_SOURCES = %D%/fuzz-manifest.c $(fuzz_main)
tests_fuzz_fuzz_manifest_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_manifest_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_manifest_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_partition_SOURCES = %D%/fuzz-partition.c $(fuzz_main)
tests_fuzz_fuzz_partition_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_partition_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_partition_LDFLAGS = $(FUZZ_LINK)

# Describing needs libelf, which only the server has; no command line without.
if SERVER
fuzz_targets += tests/fuzz/fuzz-describe
tests_fuzz_fuzz_describe_SOURCES = %D%/fuzz-describe.c $(fuzz_main)
tests_fuzz_fuzz_describe_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_describe_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_describe_LDFLAGS = $(FUZZ_LINK)

fuzz_targets += tests/fuzz/fuzz-framed
tests_fuzz_fuzz_framed_SOURCES = %D%/fuzz-framed.c $(fuzz_main)
tests_fuzz_fuzz_framed_LDADD = libslipwaycli.la $(FUZZ_LIBS)
tests_fuzz_fuzz_framed_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_framed_LDFLAGS = $(FUZZ_LINK)
endif

tests_fuzz_fuzz_address_probe_SOURCES = %D%/fuzz-address-probe.c $(fuzz_main)
tests_fuzz_fuzz_address_probe_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_address_probe_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_address_probe_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-address-probe
tests_fuzz_fuzz_rendezvous_SOURCES = %D%/fuzz-rendezvous.c $(fuzz_main)
tests_fuzz_fuzz_rendezvous_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_rendezvous_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_rendezvous_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-rendezvous

if SERVER
PLUGIN_FUZZ_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_fuzz_fuzz_dhcp_SOURCES = %D%/fuzz-dhcp.c tests/unit/dhcp-world.c \
	tests/unit/dhcp-world.h $(X86_UEFI_FILES) $(fuzz_main)
tests_fuzz_fuzz_dhcp_LDADD = libslipwayserver.la $(FUZZ_LIBS)
tests_fuzz_fuzz_dhcp_CPPFLAGS = $(PLUGIN_FUZZ_CPPFLAGS)
tests_fuzz_fuzz_dhcp_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_dhcp_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_lease_log_SOURCES = %D%/fuzz-lease-log.c $(fuzz_main)
tests_fuzz_fuzz_lease_log_LDADD = libslipwayserver.la $(FUZZ_LIBS)
tests_fuzz_fuzz_lease_log_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_lease_log_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_tftp_SOURCES = %D%/fuzz-tftp.c tests/unit/tftp-world.c \
	tests/unit/tftp-world.h $(MTFTP_SOURCES) $(fuzz_main)
tests_fuzz_fuzz_tftp_LDADD = libslipwayserver.la $(FUZZ_LIBS)
tests_fuzz_fuzz_tftp_CPPFLAGS = $(PLUGIN_FUZZ_CPPFLAGS)
tests_fuzz_fuzz_tftp_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_tftp_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-dhcp tests/fuzz/fuzz-lease-log \
	tests/fuzz/fuzz-tftp
endif

tests_fuzz_fuzz_http_response_SOURCES = %D%/fuzz-http-response.c $(fuzz_main)
tests_fuzz_fuzz_http_response_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_http_response_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_http_response_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-http-response

tests_fuzz_fuzz_trust_SOURCES = %D%/fuzz-trust.c $(fuzz_main)
tests_fuzz_fuzz_trust_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_trust_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_trust_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-trust

tests_fuzz_fuzz_message_SOURCES = %D%/fuzz-message.c $(fuzz_main)
tests_fuzz_fuzz_message_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_message_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_message_LDFLAGS = $(FUZZ_LINK)

http_fuzz_targets = tests/fuzz/fuzz-http-head
if SERVER
http_fuzz_targets += tests/fuzz/fuzz-http-accept tests/fuzz/fuzz-http-request \
	tests/fuzz/fuzz-schema
endif
check_PROGRAMS += $(http_fuzz_targets)
if !FUZZERS
TESTS += $(http_fuzz_targets)
endif
tests_fuzz_fuzz_http_accept_SOURCES = %D%/fuzz-http-accept.c $(fuzz_main)
tests_fuzz_fuzz_http_accept_LDADD = libslipwayserver.la $(FUZZ_LIBS)
tests_fuzz_fuzz_http_accept_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_http_accept_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_head_SOURCES = %D%/fuzz-http-head.c $(fuzz_main)
tests_fuzz_fuzz_http_head_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_http_head_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_http_head_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_http_request_SOURCES = %D%/fuzz-http-request.c $(fuzz_main)
tests_fuzz_fuzz_http_request_LDADD = libslipwayserver.la $(FUZZ_LIBS)
tests_fuzz_fuzz_http_request_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_http_request_LDFLAGS = $(FUZZ_LINK)
tests_fuzz_fuzz_schema_SOURCES = %D%/fuzz-schema.c $(fuzz_main)
tests_fuzz_fuzz_schema_LDADD = libslipwayserver.la $(FUZZ_LIBS)
tests_fuzz_fuzz_schema_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_schema_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_smbios_SOURCES = %D%/fuzz-smbios.c $(fuzz_main)
tests_fuzz_fuzz_smbios_LDADD = libslipwayengine.la $(FUZZ_LIBS)
tests_fuzz_fuzz_smbios_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_smbios_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-smbios

# One source for all disk formats: the format is the program's.
if SERVER
tests_fuzz_fuzz_disk_qcow2_SOURCES = %D%/fuzz-disk.c $(fuzz_main)
tests_fuzz_fuzz_disk_qcow2_LDADD = libslipwaydisk.la $(FUZZ_LIBS)
tests_fuzz_fuzz_disk_qcow2_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFUZZ_FORMAT=DISK_QCOW2
tests_fuzz_fuzz_disk_qcow2_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_disk_qcow2_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_disk_vhdx_SOURCES = %D%/fuzz-disk.c $(fuzz_main)
tests_fuzz_fuzz_disk_vhdx_LDADD = libslipwaydisk.la $(FUZZ_LIBS)
tests_fuzz_fuzz_disk_vhdx_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFUZZ_FORMAT=DISK_VHDX
tests_fuzz_fuzz_disk_vhdx_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_disk_vhdx_LDFLAGS = $(FUZZ_LINK)

tests_fuzz_fuzz_disk_vmdk_SOURCES = %D%/fuzz-disk.c $(fuzz_main)
tests_fuzz_fuzz_disk_vmdk_LDADD = libslipwaydisk.la $(FUZZ_LIBS)
tests_fuzz_fuzz_disk_vmdk_CPPFLAGS = $(AM_CPPFLAGS) \
	-DFUZZ_FORMAT=DISK_VMDK
tests_fuzz_fuzz_disk_vmdk_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_disk_vmdk_LDFLAGS = $(FUZZ_LINK)

fuzz_targets += tests/fuzz/fuzz-disk-qcow2 tests/fuzz/fuzz-disk-vhdx \
	tests/fuzz/fuzz-disk-vmdk
endif
tests_fuzz_fuzz_lldp_SOURCES = %D%/fuzz-lldp.c plugins/action/inventory/lldp.c \
	plugins/action/inventory/lldp.h $(fuzz_main)
tests_fuzz_fuzz_lldp_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_lldp_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_lldp_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-lldp
tests_fuzz_fuzz_tpm_SOURCES = %D%/fuzz-tpm.c plugins/action/inventory/tpm.c \
	plugins/action/inventory/tpm.h $(fuzz_main)
tests_fuzz_fuzz_tpm_LDADD = $(FUZZ_LIBS)
tests_fuzz_fuzz_tpm_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_tpm_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-tpm
tests_fuzz_fuzz_installed_SOURCES = %D%/fuzz-installed.c $(fuzz_main)
tests_fuzz_fuzz_installed_LDADD = libslipwayengine.la $(FUZZ_LIBS)
tests_fuzz_fuzz_installed_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_installed_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-installed
tests_fuzz_fuzz_change_request_SOURCES = %D%/fuzz-change-request.c $(fuzz_main)
tests_fuzz_fuzz_change_request_LDADD = libslipwayengine.la $(FUZZ_LIBS)
tests_fuzz_fuzz_change_request_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_change_request_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-change-request
tests_fuzz_fuzz_grow_table_SOURCES = %D%/fuzz-grow-table.c $(fuzz_main)
tests_fuzz_fuzz_grow_table_LDADD = libslipwayengine.la $(FUZZ_LIBS)
tests_fuzz_fuzz_grow_table_CFLAGS = $(FUZZ_CFLAGS)
tests_fuzz_fuzz_grow_table_LDFLAGS = $(FUZZ_LINK)
fuzz_targets += tests/fuzz/fuzz-grow-table

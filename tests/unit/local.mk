# SPDX-License-Identifier: Apache-2.0
# One program for each file or concern of core, in the order of their names.

check_PROGRAMS += %D%/test-action-host
TESTS += %D%/test-action-host
tests_unit_test_action_host_SOURCES = %D%/test-action-host.c
tests_unit_test_action_host_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_action_host_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
tests_unit_test_action_host_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_action_host_DEPENDENCIES = libslipwayengine.la \
	libslipwaycore.la libslipwayutil.la plugins-built.stamp \
	tests/plugin/built.stamp

check_PROGRAMS += %D%/test-block-server
TESTS += %D%/test-block-server
tests_unit_test_block_server_SOURCES = %D%/test-block-server.c
tests_unit_test_block_server_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_block_server_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-channel
TESTS += %D%/test-channel
tests_unit_test_channel_SOURCES = %D%/test-channel.c
tests_unit_test_channel_LDADD = $(UNIT_LIBS)
tests_unit_test_channel_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-change-ranges
TESTS += %D%/test-change-ranges
tests_unit_test_change_ranges_SOURCES = %D%/test-change-ranges.c
tests_unit_test_change_ranges_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_change_ranges_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-console
TESTS += %D%/test-console
tests_unit_test_console_SOURCES = %D%/test-console.c
tests_unit_test_console_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_console_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-crypto
TESTS += %D%/test-crypto
tests_unit_test_crypto_SOURCES = %D%/test-crypto.c
tests_unit_test_crypto_LDADD = $(UNIT_LIBS)
tests_unit_test_crypto_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-disk-select
TESTS += %D%/test-disk-select
tests_unit_test_disk_select_SOURCES = %D%/test-disk-select.c
tests_unit_test_disk_select_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_disk_select_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-disks
TESTS += %D%/test-disks
tests_unit_test_disks_SOURCES = %D%/test-disks.c
tests_unit_test_disks_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_disks_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-engine
TESTS += %D%/test-engine
tests_unit_test_engine_SOURCES = %D%/test-engine.c \
	%D%/engine-server.c %D%/engine-server.h \
	%D%/certificate-fixture.c %D%/certificate-fixture.h
tests_unit_test_engine_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_engine_CPPFLAGS = $(AM_CPPFLAGS) $(PATH_CPPFLAGS)
tests_unit_test_engine_CFLAGS = $(UNIT_CFLAGS)
tests_unit_test_engine_DEPENDENCIES = libslipwayengine.la \
	libslipwaycore.la libslipwayutil.la plugins-built.stamp \
	tests/plugin/built.stamp

check_PROGRAMS += %D%/test-facts
TESTS += %D%/test-facts
tests_unit_test_facts_SOURCES = %D%/test-facts.c
tests_unit_test_facts_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_facts_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-grow-table
TESTS += %D%/test-grow-table
tests_unit_test_grow_table_SOURCES = %D%/test-grow-table.c
tests_unit_test_grow_table_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_grow_table_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-handoff
TESTS += %D%/test-handoff
tests_unit_test_handoff_SOURCES = %D%/test-handoff.c
tests_unit_test_handoff_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_handoff_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-http-get
TESTS += %D%/test-http-get
tests_unit_test_http_get_SOURCES = %D%/test-http-get.c
tests_unit_test_http_get_LDADD = $(UNIT_LIBS)
tests_unit_test_http_get_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-http-response
TESTS += %D%/test-http-response
tests_unit_test_http_response_SOURCES = %D%/test-http-response.c
tests_unit_test_http_response_LDADD = $(UNIT_LIBS)
tests_unit_test_http_response_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-image-format
TESTS += %D%/test-image-format
tests_unit_test_image_format_SOURCES = %D%/test-image-format.c
tests_unit_test_image_format_LDADD = $(UNIT_LIBS)
tests_unit_test_image_format_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-import
TESTS += %D%/test-import
tests_unit_test_import_SOURCES = %D%/test-import.c %D%/image-fixture.c %D%/image-fixture.h
tests_unit_test_import_LDADD = $(UNIT_LIBS)
tests_unit_test_import_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-import-journal
TESTS += %D%/test-import-journal
tests_unit_test_import_journal_SOURCES = %D%/test-import-journal.c %D%/image-fixture.c %D%/image-fixture.h
tests_unit_test_import_journal_LDADD = $(UNIT_LIBS)
tests_unit_test_import_journal_CFLAGS = $(UNIT_CFLAGS)
check_PROGRAMS += %D%/test-inventory-health
TESTS += %D%/test-inventory-health
tests_unit_test_inventory_health_SOURCES = %D%/test-inventory-health.c $(INVENTORY_SOURCES) $(MOCK_SOURCES)
tests_unit_test_inventory_health_LDADD = $(UNIT_LIBS)
tests_unit_test_inventory_health_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_inventory_health_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-inventory-lldp
TESTS += %D%/test-inventory-lldp
tests_unit_test_inventory_lldp_SOURCES = %D%/test-inventory-lldp.c $(INVENTORY_SOURCES) $(MOCK_SOURCES)
tests_unit_test_inventory_lldp_LDADD = $(UNIT_LIBS)
tests_unit_test_inventory_lldp_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_inventory_lldp_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-inventory-tpm
TESTS += %D%/test-inventory-tpm
tests_unit_test_inventory_tpm_SOURCES = %D%/test-inventory-tpm.c $(INVENTORY_SOURCES) $(MOCK_SOURCES)
tests_unit_test_inventory_tpm_LDADD = $(UNIT_LIBS)
tests_unit_test_inventory_tpm_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_inventory_tpm_CFLAGS = $(UNIT_CFLAGS)
check_PROGRAMS += %D%/test-installed
TESTS += %D%/test-installed
tests_unit_test_installed_SOURCES = %D%/test-installed.c
tests_unit_test_installed_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_installed_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-json
TESTS += %D%/test-json
tests_unit_test_json_SOURCES = %D%/test-json.c
tests_unit_test_json_LDADD = $(UNIT_LIBS)
tests_unit_test_json_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-load
TESTS += %D%/test-load
tests_unit_test_load_SOURCES = %D%/test-load.c
tests_unit_test_load_LDADD = $(UNIT_LIBS)
tests_unit_test_load_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-loop
TESTS += %D%/test-loop
tests_unit_test_loop_SOURCES = %D%/test-loop.c
tests_unit_test_loop_LDADD = $(UNIT_LIBS)
tests_unit_test_loop_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-manifest
TESTS += %D%/test-manifest
tests_unit_test_manifest_SOURCES = %D%/test-manifest.c
tests_unit_test_manifest_LDADD = $(UNIT_LIBS)
tests_unit_test_manifest_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-message
TESTS += %D%/test-message
tests_unit_test_message_SOURCES = %D%/test-message.c
tests_unit_test_message_LDADD = $(UNIT_LIBS)
tests_unit_test_message_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-modules
TESTS += %D%/test-modules
tests_unit_test_modules_SOURCES = %D%/test-modules.c
tests_unit_test_modules_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_modules_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-net-dhcp
TESTS += %D%/test-net-dhcp
tests_unit_test_net_dhcp_SOURCES = %D%/test-net-dhcp.c
tests_unit_test_net_dhcp_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_net_dhcp_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-params
TESTS += %D%/test-params
tests_unit_test_params_SOURCES = %D%/test-params.c
tests_unit_test_params_LDADD = $(UNIT_LIBS)
tests_unit_test_params_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-personalise
TESTS += %D%/test-personalise
tests_unit_test_personalise_SOURCES = %D%/test-personalise.c
tests_unit_test_personalise_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_personalise_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-pipeline
TESTS += %D%/test-pipeline
tests_unit_test_pipeline_SOURCES = %D%/test-pipeline.c %D%/image-fixture.c %D%/image-fixture.h \
	%D%/pipeline-driver.c %D%/pipeline-driver.h
tests_unit_test_pipeline_LDADD = $(UNIT_LIBS)
tests_unit_test_pipeline_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-plan
TESTS += %D%/test-plan
tests_unit_test_plan_SOURCES = %D%/test-plan.c
tests_unit_test_plan_LDADD = $(UNIT_LIBS)
tests_unit_test_plan_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-rendezvous
TESTS += %D%/test-rendezvous
tests_unit_test_rendezvous_SOURCES = %D%/test-rendezvous.c
tests_unit_test_rendezvous_LDADD = libslipwayengine.la $(UNIT_LIBS)
tests_unit_test_rendezvous_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-tls
TESTS += %D%/test-tls
tests_unit_test_tls_SOURCES = %D%/test-tls.c \
	%D%/certificate-fixture.c %D%/certificate-fixture.h
tests_unit_test_tls_LDADD = $(UNIT_LIBS)
tests_unit_test_tls_CFLAGS = $(UNIT_CFLAGS)

if SERVER

# Hosts, tasks and sessions in a simulated world.
DEPLOY_WORLD = tests/lib/deploy-world.c tests/lib/deploy-world.h \
	tests/lib/memory-store.c tests/lib/memory-store.h

DHCP_WORLD = %D%/dhcp-world.c %D%/dhcp-world.h \
	$(X86_UEFI_FILES)

check_PROGRAMS += %D%/test-audit
TESTS += %D%/test-audit
tests_unit_test_audit_SOURCES = %D%/test-audit.c
tests_unit_test_audit_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_audit_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-batch
TESTS += %D%/test-batch
tests_unit_test_batch_SOURCES = %D%/test-batch.c $(DEPLOY_WORLD)
tests_unit_test_batch_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_batch_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-boot-table
TESTS += %D%/test-boot-table
tests_unit_test_boot_table_SOURCES = %D%/test-boot-table.c
tests_unit_test_boot_table_LDADD = $(UNIT_LIBS)
tests_unit_test_boot_table_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-config
TESTS += %D%/test-config
tests_unit_test_config_SOURCES = %D%/test-config.c
tests_unit_test_config_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_config_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-describe
TESTS += %D%/test-describe
tests_unit_test_describe_SOURCES = %D%/test-describe.c
tests_unit_test_describe_LDADD = $(UNIT_LIBS)
tests_unit_test_describe_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-dhcp
TESTS += %D%/test-dhcp
tests_unit_test_dhcp_SOURCES = %D%/test-dhcp.c $(DHCP_WORLD)
tests_unit_test_dhcp_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_dhcp_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_dhcp_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-device-names
TESTS += %D%/test-device-names
tests_unit_test_device_names_SOURCES = %D%/test-device-names.c
tests_unit_test_device_names_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_device_names_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-dhcp-boot
TESTS += %D%/test-dhcp-boot
tests_unit_test_dhcp_boot_SOURCES = %D%/test-dhcp-boot.c $(DHCP_WORLD)
tests_unit_test_dhcp_boot_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_dhcp_boot_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_dhcp_boot_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-dhcp-log
TESTS += %D%/test-dhcp-log
tests_unit_test_dhcp_log_SOURCES = %D%/test-dhcp-log.c $(DHCP_WORLD)
tests_unit_test_dhcp_log_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_dhcp_log_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_dhcp_log_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-disk-format
TESTS += %D%/test-disk-format
tests_unit_test_disk_format_SOURCES = %D%/test-disk-format.c
tests_unit_test_disk_format_LDADD = libslipwaydisk.la $(UNIT_LIBS)
tests_unit_test_disk_format_CFLAGS = $(UNIT_CFLAGS)
check_PROGRAMS += %D%/test-dhcp-probe
TESTS += %D%/test-dhcp-probe
tests_unit_test_dhcp_probe_SOURCES = %D%/test-dhcp-probe.c $(DHCP_WORLD)
tests_unit_test_dhcp_probe_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_dhcp_probe_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_dhcp_probe_CFLAGS = $(UNIT_CFLAGS)
check_PROGRAMS += %D%/test-dhcp-networks
TESTS += %D%/test-dhcp-networks
tests_unit_test_dhcp_networks_SOURCES = %D%/test-dhcp-networks.c $(DHCP_WORLD)
tests_unit_test_dhcp_networks_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_dhcp_networks_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_dhcp_networks_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-dhcp-proxy
TESTS += %D%/test-dhcp-proxy
tests_unit_test_dhcp_proxy_SOURCES = %D%/test-dhcp-proxy.c $(DHCP_WORLD)
tests_unit_test_dhcp_proxy_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_dhcp_proxy_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_dhcp_proxy_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-door-route
TESTS += %D%/test-door-route
tests_unit_test_door_route_SOURCES = %D%/test-door-route.c
tests_unit_test_door_route_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_door_route_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-event
TESTS += %D%/test-event
tests_unit_test_event_SOURCES = %D%/test-event.c
tests_unit_test_event_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_event_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-http-accept
TESTS += %D%/test-http-accept
tests_unit_test_http_accept_SOURCES = %D%/test-http-accept.c
tests_unit_test_http_accept_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_http_accept_CFLAGS = $(UNIT_CFLAGS)
check_PROGRAMS += %D%/test-enrol
TESTS += %D%/test-enrol
tests_unit_test_enrol_SOURCES = %D%/test-enrol.c $(DEPLOY_WORLD)
tests_unit_test_enrol_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_enrol_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-keep
TESTS += %D%/test-keep
tests_unit_test_keep_SOURCES = %D%/test-keep.c
tests_unit_test_keep_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_keep_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-mtftp
TESTS += %D%/test-mtftp
tests_unit_test_mtftp_SOURCES = %D%/test-mtftp.c %D%/tftp-world.c %D%/tftp-world.h \
	$(MTFTP_SOURCES)
tests_unit_test_mtftp_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_mtftp_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_mtftp_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-objects-collect
TESTS += %D%/test-objects-collect
tests_unit_test_objects_collect_SOURCES = %D%/test-objects-collect.c %D%/image-fixture.c %D%/image-fixture.h
tests_unit_test_objects_collect_LDADD = $(UNIT_LIBS)
tests_unit_test_objects_collect_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-openapi
TESTS += %D%/test-openapi
tests_unit_test_openapi_SOURCES = %D%/test-openapi.c
tests_unit_test_openapi_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_openapi_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-packet
TESTS += %D%/test-packet
tests_unit_test_packet_SOURCES = %D%/test-packet.c
tests_unit_test_packet_LDADD = $(UNIT_LIBS)
tests_unit_test_packet_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-policy
TESTS += %D%/test-policy
tests_unit_test_policy_SOURCES = %D%/test-policy.c $(DEPLOY_WORLD)
tests_unit_test_policy_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_policy_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-profile
TESTS += %D%/test-profile
tests_unit_test_profile_SOURCES = %D%/test-profile.c
tests_unit_test_profile_LDADD = $(UNIT_LIBS)
tests_unit_test_profile_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-range
TESTS += %D%/test-range
tests_unit_test_range_SOURCES = %D%/test-range.c
tests_unit_test_range_LDADD = libslipwaycli.la $(UNIT_LIBS)
tests_unit_test_range_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-registry
TESTS += %D%/test-registry
tests_unit_test_registry_SOURCES = %D%/test-registry.c
tests_unit_test_registry_LDADD = $(UNIT_LIBS)
tests_unit_test_registry_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-retention
TESTS += %D%/test-retention
tests_unit_test_retention_SOURCES = %D%/test-retention.c $(DEPLOY_WORLD)
tests_unit_test_retention_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_retention_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-route
TESTS += %D%/test-route
tests_unit_test_route_SOURCES = %D%/test-route.c
tests_unit_test_route_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_route_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-sandbox
TESTS += %D%/test-sandbox
tests_unit_test_sandbox_SOURCES = %D%/test-sandbox.c
tests_unit_test_sandbox_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_sandbox_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-schema
TESTS += %D%/test-schema
tests_unit_test_schema_SOURCES = %D%/test-schema.c
tests_unit_test_schema_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_schema_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-seed
TESTS += %D%/test-seed
tests_unit_test_seed_SOURCES = %D%/test-seed.c \
	plugins/action/install/seed-network.c \
	plugins/action/install/seed-users.c \
	plugins/action/install/seed.c
tests_unit_test_seed_LDADD = $(UNIT_LIBS)
tests_unit_test_seed_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-secret
TESTS += %D%/test-secret
tests_unit_test_secret_SOURCES = %D%/test-secret.c $(DEPLOY_WORLD)
tests_unit_test_secret_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_secret_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-secret-memory
TESTS += %D%/test-secret-memory
tests_unit_test_secret_memory_SOURCES = %D%/test-secret-memory.c
tests_unit_test_secret_memory_LDADD = $(UNIT_LIBS)
tests_unit_test_secret_memory_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-session
TESTS += %D%/test-session
tests_unit_test_session_SOURCES = %D%/test-session.c $(DEPLOY_WORLD)
tests_unit_test_session_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_session_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-session-schema
TESTS += %D%/test-session-schema
tests_unit_test_session_schema_SOURCES = %D%/test-session-schema.c
tests_unit_test_session_schema_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_session_schema_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-store
TESTS += %D%/test-store
tests_unit_test_store_SOURCES = %D%/test-store.c \
	tests/lib/faulty-store.c tests/lib/faulty-store.h \
	tests/lib/memory-store.c tests/lib/memory-store.h
tests_unit_test_store_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_store_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-task
TESTS += %D%/test-task
tests_unit_test_task_SOURCES = %D%/test-task.c $(DEPLOY_WORLD)
tests_unit_test_task_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_task_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-task-kill
TESTS += %D%/test-task-kill
tests_unit_test_task_kill_SOURCES = %D%/test-task-kill.c $(DEPLOY_WORLD) \
	tests/lib/faulty-store.c tests/lib/faulty-store.h
tests_unit_test_task_kill_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_task_kill_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-unicast
TESTS += %D%/test-unicast
tests_unit_test_unicast_SOURCES = %D%/test-unicast.c %D%/image-fixture.c \
	%D%/image-fixture.h
tests_unit_test_unicast_LDADD = libslipwayserver.la libslipwayengine.la \
	$(UNIT_LIBS)
tests_unit_test_unicast_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-worker
TESTS += %D%/test-worker
tests_unit_test_worker_SOURCES = %D%/test-worker.c
tests_unit_test_worker_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_worker_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-worker-process
TESTS += %D%/test-worker-process
tests_unit_test_worker_process_SOURCES = %D%/test-worker-process.c
tests_unit_test_worker_process_LDADD = libslipwayserver.la $(UNIT_LIBS)
tests_unit_test_worker_process_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-x86-bios
TESTS += %D%/test-x86-bios
tests_unit_test_x86_bios_SOURCES = %D%/test-x86-bios.c $(X86_BIOS_FILES)
tests_unit_test_x86_bios_LDADD = $(UNIT_LIBS)
tests_unit_test_x86_bios_CPPFLAGS = $(AM_CPPFLAGS) -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_x86_bios_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-x86-bios-bare
TESTS += %D%/test-x86-bios-bare
tests_unit_test_x86_bios_bare_SOURCES = $(tests_unit_test_x86_bios_SOURCES)
tests_unit_test_x86_bios_bare_LDADD = $(UNIT_LIBS)
tests_unit_test_x86_bios_bare_CPPFLAGS = \
	$(tests_unit_test_x86_bios_CPPFLAGS) -DIPXE_WITHOUT_SCRIPT
tests_unit_test_x86_bios_bare_CFLAGS = $(UNIT_CFLAGS)

check_PROGRAMS += %D%/test-x86-uefi
TESTS += %D%/test-x86-uefi
tests_unit_test_x86_uefi_SOURCES = %D%/test-x86-uefi.c $(X86_UEFI_FILES)
tests_unit_test_x86_uefi_LDADD = $(UNIT_LIBS)
tests_unit_test_x86_uefi_CPPFLAGS = $(AM_CPPFLAGS) -DWITH_IPXE -DPLUGIN_VERSION='"$(PACKAGE_VERSION)"'
tests_unit_test_x86_uefi_CFLAGS = $(UNIT_CFLAGS)

endif
